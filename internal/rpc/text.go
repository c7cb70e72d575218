package rpc

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// checkNUL returns an error if any text in the message contains a NUL, which PostgreSQL cannot store and SQLite would. (Text that is not
// UTF-8 is rejected when the message is decoded.)
func checkNUL(msg proto.Message) error {
	if field := nulInMessage(msg.ProtoReflect()); field != "" {
		return apierr.Invalid(field, "must not hold a NUL character")
	}
	return nil
}

// nulInMessage returns the path of a field whose text contains a NUL, such as "messages[3].content", or "".
func nulInMessage(m protoreflect.Message) (path string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path = nulInField(f, v)
		return path == ""
	})
	return path
}

func nulInField(f protoreflect.FieldDescriptor, v protoreflect.Value) (path string) {
	name := f.TextName()
	switch {
	case f.IsList():
		for i := range v.List().Len() {
			if inner, found := nulIn(f, v.List().Get(i)); found {
				return fmt.Sprintf("%s[%d]%s", name, i, inner)
			}
		}
	case f.IsMap():
		v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			_, inKey := nulIn(f.MapKey(), key.Value())
			if _, inValue := nulIn(f.MapValue(), value); inKey || inValue {
				path = name
			}
			return path == ""
		})
	default:
		if inner, found := nulIn(f, v); found {
			return name + inner
		}
	}
	return path
}

// nulIn reports whether a value of f's kind contains a NUL. If the value is a message, path is where in it: ".content".
func nulIn(f protoreflect.FieldDescriptor, v protoreflect.Value) (path string, found bool) {
	switch f.Kind() {
	case protoreflect.StringKind:
		return "", strings.IndexByte(v.String(), 0) >= 0
	case protoreflect.MessageKind, protoreflect.GroupKind:
		inner := nulInMessage(v.Message())
		return "." + inner, inner != ""
	default:
		return "", false
	}
}
