package rpc

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/paddock-gate/paddock/internal/fault"
)

// jsonCodec is protobuf's JSON, except that a request which changes something may hold no field that is not known: a
// misspelt "active" must not be dropped in silence.
type jsonCodec struct {
	name   string
	strict map[protoreflect.FullName]bool // requests that change something
}

func (c jsonCodec) Name() string { return c.name }

func (c jsonCodec) Marshal(m any) ([]byte, error) {
	msg, err := messageOf(m)
	if err != nil {
		return nil, err
	}
	return jsonOut.Marshal(msg)
}

// jsonOut writes what is false, zero or an empty list too: who reads JSON by hand looks for "active": false.
var jsonOut = protojson.MarshalOptions{EmitDefaultValues: true}

// MarshalAppend saves connect-go a copy.
func (c jsonCodec) MarshalAppend(dst []byte, m any) ([]byte, error) {
	msg, err := messageOf(m)
	if err != nil {
		return nil, err
	}
	return jsonOut.MarshalAppend(dst, msg)
}

func (c jsonCodec) MarshalStable(m any) ([]byte, error) { return c.Marshal(m) }

func (c jsonCodec) IsBinary() bool { return false }

func (c jsonCodec) Unmarshal(data []byte, m any) error {
	msg, err := messageOf(m)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		data = []byte("{}")
	}
	lenient := !c.strict[msg.ProtoReflect().Descriptor().FullName()]
	if err := (protojson.UnmarshalOptions{DiscardUnknown: lenient}).Unmarshal(data, msg); err != nil {
		markUndecoded(msg, err)
	}
	return nil
}

// binaryCodec is protobuf's own encoding.
type binaryCodec struct{}

func (binaryCodec) Name() string { return "proto" }

func (c binaryCodec) Marshal(m any) ([]byte, error) { return c.MarshalAppend(nil, m) }

// MarshalAppend saves connect-go a copy.
func (binaryCodec) MarshalAppend(dst []byte, m any) ([]byte, error) {
	msg, err := messageOf(m)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, msg)
}

func (binaryCodec) MarshalStable(m any) ([]byte, error) {
	msg, err := messageOf(m)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(msg)
}

func (binaryCodec) IsBinary() bool { return true }

func (binaryCodec) Unmarshal(data []byte, m any) error {
	msg, err := messageOf(m)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, msg); err != nil {
		markUndecoded(msg, err)
	}
	return nil
}

func messageOf(m any) (proto.Message, error) {
	msg, ok := m.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no protobuf message", m)
	}
	return msg, nil
}

// connect-go answers what a codec refuses by itself, behind the interceptors' backs, and so without our ErrorInfo. The
// codecs therefore refuse nothing: they leave the reason in the message, as a field of the highest number there is, for
// interceptor to find.
const undecodedField = protowire.MaxValidNumber

func markUndecoded(msg proto.Message, err error) {
	proto.Reset(msg)
	b := protowire.AppendTag(nil, undecodedField, protowire.BytesType)
	msg.ProtoReflect().SetUnknown(protowire.AppendString(b, readable(err)))
}

// readable takes the prefix and the odd space off that protobuf's errors carry.
func readable(err error) string {
	s := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimSpace(strings.TrimPrefix(s, "proto:"))
}

// undecoded returns the error of a message that could not be decoded.
func undecoded(msg proto.Message) error {
	for unknown := msg.ProtoReflect().GetUnknown(); len(unknown) > 0; {
		number, kind, n := protowire.ConsumeField(unknown)
		if n < 0 {
			return fault.Invalid("", "the request could not be decoded")
		}
		if number == undecodedField && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(unknown)
			reason, _ := protowire.ConsumeBytes(unknown[tag:])
			return whyUndecoded(strings.ToValidUTF8(string(reason), "\uFFFD"))
		}
		unknown = unknown[n:]
	}
	return nil
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// whyUndecoded names the field that is not known, where that is the reason.
func whyUndecoded(reason string) error {
	if m := unknownField.FindStringSubmatch(reason); m != nil {
		return fault.Invalid(m[1], "there is no such field in this request")
	}
	return fault.Invalid("", reason)
}
