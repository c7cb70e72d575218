package rpc

import (
	"encoding/base64"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// jsonOptions are those that protobuf's own encoder would need to write what appendJSON writes.
var jsonOptions = protojson.MarshalOptions{EmitDefaultValues: true}

// appendJSON appends the message as protobuf's own JSON encoder writes it, without the spaces that it adds at random, in a fifth of the
// time: that one sorts the fields of each message and asks for each of their names and kinds again.
func appendJSON(b []byte, m proto.Message) ([]byte, error) {
	if vectors, ok := m.(*paddockv1.EmbedResponse); ok {
		return appendEmbeddings(b, vectors), nil
	}
	return layoutOf(m.ProtoReflect().Descriptor()).append(b, m.ProtoReflect())
}

// layout is what the encoder knows of a type of messages.
type layout struct {
	fields []field // in the order of their declaration
	// foreign says that protobuf's own encoder writes the messages: its well-known types have forms of their own.
	foreign bool
}

// field is a field of a layout.
type field struct {
	protoreflect.FieldDescriptor
	name    string // in JSON, quoted, with the colon
	kind    protoreflect.Kind
	list    bool
	always  bool // whether it is written when it is not set
	message *layout
}

// layouts are the layouts by the full names of their types.
var layouts sync.Map

func layoutOf(d protoreflect.MessageDescriptor) *layout {
	if l, ok := layouts.Load(d.FullName()); ok {
		return l.(*layout) //nolint:errcheck // nothing else is stored
	}
	l := newLayout(d, map[protoreflect.FullName]*layout{})
	layouts.Store(d.FullName(), l)
	return l
}

// newLayout makes the layout of a type. Those of the types that contain it are in known.
func newLayout(d protoreflect.MessageDescriptor, known map[protoreflect.FullName]*layout) *layout {
	if l := known[d.FullName()]; l != nil {
		return l
	}
	l := &layout{foreign: d.ParentFile().Package() == "google.protobuf"}
	known[d.FullName()] = l
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		l.foreign = l.foreign || f.IsMap() || f.Kind() == protoreflect.GroupKind
		of := field{
			FieldDescriptor: f,
			name:            strconv.Quote(f.JSONName()) + ":",
			kind:            f.Kind(),
			list:            f.IsList(),
			always:          !f.HasPresence() && f.ContainingOneof() == nil,
		}
		if d := f.Message(); d != nil && !l.foreign {
			of.message = newLayout(d, known)
		}
		l.fields = append(l.fields, of)
	}
	return l
}

func (l *layout) append(b []byte, m protoreflect.Message) ([]byte, error) {
	if l.foreign {
		return appendForeign(b, m)
	}
	b = append(b, '{')
	for i := range l.fields {
		f := &l.fields[i]
		if !f.always && !m.Has(f.FieldDescriptor) {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, f.name...)
		var err error
		if b, err = f.appendAll(b, m.Get(f.FieldDescriptor)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendAll appends the value of a field, which may be a list.
func (f *field) appendAll(b []byte, v protoreflect.Value) ([]byte, error) {
	if !f.list {
		return f.append(b, v)
	}
	values := v.List()
	b = append(b, '[')
	for i := range values.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = f.append(b, values.Get(i)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func (f *field) append(b []byte, v protoreflect.Value) ([]byte, error) {
	switch f.kind {
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool()), nil
	case protoreflect.StringKind:
		return jsontext.AppendQuote(b, v.String())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return append(strconv.AppendInt(append(b, '"'), v.Int(), 10), '"'), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return append(strconv.AppendUint(append(b, '"'), v.Uint(), 10), '"'), nil
	case protoreflect.FloatKind:
		return appendFloat(b, v.Float(), 32), nil
	case protoreflect.DoubleKind:
		return appendFloat(b, v.Float(), 64), nil
	case protoreflect.BytesKind:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.Bytes()), '"'), nil
	case protoreflect.EnumKind:
		if value := f.Enum().Values().ByNumber(v.Enum()); value != nil {
			return append(append(append(b, '"'), value.Name()...), '"'), nil
		}
		return strconv.AppendInt(b, int64(v.Enum()), 10), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
	}
	return f.message.append(b, v.Message())
}

// appendForeign appends a message by protobuf's own encoder, but for times, of which lists are full.
func appendForeign(b []byte, m protoreflect.Message) ([]byte, error) {
	if t, ok := m.Interface().(*timestamppb.Timestamp); ok && t.IsValid() {
		return appendTime(b, t), nil
	}
	return jsonOptions.MarshalAppend(b, m.Interface())
}

// appendTime appends a time with as many digits of its fraction as it has, in threes.
func appendTime(b []byte, t *timestamppb.Timestamp) []byte {
	at := t.AsTime()
	b = at.AppendFormat(append(b, '"'), time.RFC3339) // in seconds, a form that package time writes faster than others
	b = b[:len(b)-len("Z")]
	if nanos := at.Nanosecond(); nanos != 0 {
		point := len(b)
		b = strconv.AppendInt(b, 1e9+int64(nanos), 10)
		b[point] = '.'
		for n := len(b); string(b[n-3:]) == "000"; n = len(b) {
			b = b[:n-3]
		}
	}
	return append(b, `Z"`...)
}
