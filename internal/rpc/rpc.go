// Package rpc is what all RPCs have in common, over Connect, gRPC, gRPC-Web and HTTP/JSON: how messages are encoded and
// checked, and what the client is shown of an error.
package rpc

import (
	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Uncompressed takes connect-go's gzip away: a bomb of 4 MiB cost 1.4 s of CPU to refuse.
var Uncompressed = connect.WithCompression("gzip", nil, nil)

// Options are those of all RPCs. Of the requests that are strict, unknown fields are refused. The outermost
// interceptors come first.
func Options(strict map[protoreflect.FullName]bool, outermost ...connect.Interceptor) []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCodec(binaryCodec{}),
		connect.WithCodec(jsonCodec{name: "json", strict: strict}),
		connect.WithCodec(jsonCodec{name: "json; charset=utf-8", strict: strict}),
		Uncompressed,
		connect.WithInterceptors(append(outermost, interceptor{})...),
	}
}
