package rpc

import (
	"math"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestJSON_AllMessages: every message of the contract, filled at random, is written as protobuf's own encoder writes it, but for the
// spaces that that one adds.
func TestJSON_AllMessages(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen := 0
	protoregistry.GlobalTypes.RangeMessages(func(kind protoreflect.MessageType) bool {
		if kind.Descriptor().ParentFile().Package() != "paddock.v1" {
			return true
		}
		seen++
		for round := range 60 {
			m := kind.New()
			if round > 0 {
				fill(random, m, 3)
			}
			requireAsProtojson(t, m.Interface())
		}
		return true
	})
	if seen < 50 {
		t.Errorf("only %d messages were seen", seen)
	}
}

func requireAsProtojson(t *testing.T, m proto.Message) {
	t.Helper()
	got, err := jsonCodec("json").Marshal(m)
	want, wantErr := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if got, want := compacted(t, got, err), compacted(t, want, wantErr); got != want {
		t.Errorf("%T: got %.500s\nwant %.500s", m, got, want)
	}
}

// TestJSON_Texts: what JSON escapes, and what it cannot hold.
func TestJSON_Texts(t *testing.T) {
	all := make([]rune, 0, 0x300)
	for r := range rune(0x300) {
		all = append(all, r)
	}
	for _, s := range []string{string(all), "</script>&\u2028\u2029", "😀\U0010ffff\ufffd", `\u0041"`} {
		requireAsProtojson(t, &paddockv1.User{DisplayName: s})
	}
	if b, err := jsonCodec("json").Marshal(&paddockv1.User{DisplayName: "a\xff"}); err == nil {
		t.Errorf("a text that is not UTF-8 is written as %q", b)
	}
}

// TestJSON_Times have as much of a fraction as they need, and of years that JSON has no form for there is an error.
func TestJSON_Times(t *testing.T) {
	for _, at := range []*timestamppb.Timestamp{
		{},
		{Nanos: 1},
		{Nanos: 1000},
		{Nanos: 1_000_000},
		{Nanos: 120_000_000},
		{Nanos: 999_999_999},
		{Seconds: -1, Nanos: 5},
		{Seconds: -62135596800},
		{Seconds: 253402300799, Nanos: 999_999_999},
	} {
		requireAsProtojson(t, &paddockv1.User{CreatedAt: at})
	}
	for _, at := range []*timestamppb.Timestamp{{Seconds: 253402300800}, {Nanos: -1}, {Nanos: 1_000_000_000}} {
		if b, err := jsonCodec("json").Marshal(&paddockv1.User{CreatedAt: at}); err == nil {
			t.Errorf("%v is written as %s", at, b)
		}
	}
}

// fill sets fields of the message, about half of them, and of the messages within, so many deep.
func fill(random *rand.Rand, m protoreflect.Message, deep int) {
	switch known := m.Interface().(type) {
	case *timestamppb.Timestamp:
		known.Seconds, known.Nanos = random.Int64N(4_000_000_000), random.Int32N(1000)*1000
		return
	case *durationpb.Duration:
		known.Seconds = random.Int64N(1000)
		return
	case *structpb.Value:
		known.Kind = &structpb.Value_StringValue{StringValue: "admin"}
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if random.IntN(2) == 0 || f.Message() != nil && deep == 0 {
			continue
		}
		if !f.IsList() {
			m.Set(f, some(random, f, m.NewField(f), deep))
			continue
		}
		list := m.Mutable(f).List()
		for range random.IntN(4) {
			list.Append(some(random, f, list.NewElement(), deep))
		}
	}
}

// some returns a value for the field; made is an empty one.
func some(random *rand.Rand, f protoreflect.FieldDescriptor, made protoreflect.Value, deep int) protoreflect.Value {
	switch f.Kind() { //nolint:exhaustive // of those that the contract has
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(random.IntN(2) == 0)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "a", `"quoted"`, "é\n\t\\", "<b>&"}[random.IntN(5)])
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(random.Uint32()))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(random.Uint64()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(math.Float32frombits(random.Uint32()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(math.Float64frombits(random.Uint64()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 255, byte(random.Uint32())})
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(random.IntN(8)))
	case protoreflect.MessageKind:
		fill(random, made.Message(), deep-1)
	}
	return made
}
