package rpc

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// codec encodes and decodes messages for connect-go.
type codec struct {
	name          string
	marshalAppend func(dst []byte, m proto.Message) ([]byte, error)
	unmarshal     func(data []byte, m proto.Message) error
}

// binaryCodec is protobuf's own encoding.
var binaryCodec = codec{"proto", proto.MarshalOptions{}.MarshalAppend, proto.Unmarshal}

// jsonCodec returns a codec of protobuf's JSON that rejects unknown fields: a misspelt "active" must not be dropped silently, nor a
// misspelt filter of a list. It also writes what is false, zero or an empty list: people who read JSON look for "active": false.
func jsonCodec(name string) codec {
	return codec{name, appendJSON, func(data []byte, m proto.Message) error {
		if len(data) == 0 {
			return nil // as {}
		}
		return protojson.Unmarshal(data, m)
	}}
}

// Name implements [connect.Codec].
func (c codec) Name() string { return c.name }

// Marshal implements [connect.Codec].
func (c codec) Marshal(m any) ([]byte, error) { return c.MarshalAppend(nil, m) }

// MarshalAppend saves connect-go a copy.
func (c codec) MarshalAppend(dst []byte, m any) ([]byte, error) {
	msg, err := messageOf(m)
	if err != nil {
		return nil, err
	}
	return c.marshalAppend(dst, msg)
}

// Unmarshal implements [connect.Codec]. It leaves errors of decoding in the message, for undecoded to find.
func (c codec) Unmarshal(data []byte, m any) error {
	msg, err := messageOf(m)
	if err != nil {
		return err
	}
	if err := c.unmarshal(data, msg); err != nil {
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

// quotedValue matches a value in an error of protobuf's JSON, to its end. It may be a password.
var quotedValue = regexp.MustCompile(`(?s)(invalid value(?: for [^:]*)?|unexpected token|invalid escape code):? [^\]}\[{,:].*`)

// readable returns the text of a protobuf error without its prefix, non-breaking spaces, control characters and the value that is wrong.
func readable(err error) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, err.Error())
	return quotedValue.ReplaceAllString(strings.TrimSpace(strings.TrimPrefix(s, "proto:")), "$1")
}

// undecoded returns an error if the message could not be decoded.
func undecoded(msg proto.Message) error {
	for unknown := msg.ProtoReflect().GetUnknown(); len(unknown) > 0; {
		number, kind, n := protowire.ConsumeField(unknown)
		if n < 0 {
			return apierr.Invalid("", "the request could not be decoded")
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

var unknownField = regexp.MustCompile(`unknown field "((?:[^"\\]|\\.)*)"`)

// whyUndecoded returns the error for the reason, with the name of the field if it is unknown.
func whyUndecoded(reason string) error {
	if m := unknownField.FindStringSubmatch(reason); m != nil {
		return apierr.Invalid(m[1], "there is no such field in this request")
	}
	return apierr.Invalid("", reason)
}
