// Package rpc is what all RPCs have in common, over Connect, gRPC, gRPC-Web and HTTP/JSON: how messages are encoded and
// checked, and what the client is shown of an error.
package rpc

import "connectrpc.com/connect"

// Uncompressed removes connect-go's gzip: to refuse a bomb of 4 MiB took 1.4 s of CPU.
var Uncompressed = connect.WithCompression("gzip", nil, nil)

// Options returns the options of all handlers.
func Options() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCodec(binaryCodec),
		connect.WithCodec(jsonCodec("json")),
		connect.WithCodec(jsonCodec("json; charset=utf-8")),
		Uncompressed,
		connect.WithInterceptors(interceptor{}),
	}
}
