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

// jsonCodec is protobuf's JSON, except that it rejects unknown fields of requests that change something: a misspelt "active" must not
// be dropped silently.
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

// jsonOut also writes what is false, zero or an empty list: people who read JSON look for "active": false.
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

// undecodedField is the field in which codecs leave the reason why a message could not be decoded, for check to find. Codecs return no
// errors, since connect-go would answer those by itself, without our ErrorInfo.
const undecodedField = protowire.MaxValidNumber

func markUndecoded(msg proto.Message, err error) {
	proto.Reset(msg)
	b := protowire.AppendTag(nil, undecodedField, protowire.BytesType)
	msg.ProtoReflect().SetUnknown(protowire.AppendString(b, readable(err)))
}

// readable returns the text of a protobuf error without its prefix and non-breaking spaces.
func readable(err error) string {
	s := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimSpace(strings.TrimPrefix(s, "proto:"))
}

// undecoded returns an error if the message could not be decoded.
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

// whyUndecoded returns the error for the reason, with the name of the field if it is unknown.
func whyUndecoded(reason string) error {
	if m := unknownField.FindStringSubmatch(reason); m != nil {
		return fault.Invalid(m[1], "there is no such field in this request")
	}
	return fault.Invalid("", reason)
}
