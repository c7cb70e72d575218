package door

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestMethodsOf_NoAccessRule: the server does not start.
func TestMethodsOf_NoAccessRule(t *testing.T) {
	ruled := &descriptorpb.MethodOptions{}
	proto.SetExtension(ruled, paddockv1.E_Access, &paddockv1.AccessRule{Level: paddockv1.AccessRule_LEVEL_ADMIN})
	levelless := &descriptorpb.MethodOptions{}
	proto.SetExtension(levelless, paddockv1.E_Access, &paddockv1.AccessRule{SessionOnly: true})

	for _, c := range []struct {
		name    string
		options *descriptorpb.MethodOptions
		ok      bool
	}{
		{"Ruled", ruled, true},
		{"NoOptions", nil, false},
		{"NoRule", &descriptorpb.MethodOptions{}, false},
		{"RuleWithoutLevel", levelless, false},
	} {
		service := registerService(t, c.name, ruled, c.options)
		methods, err := MethodsOf(service)
		switch {
		case c.ok && (err != nil || len(methods) != 2):
			t.Errorf("%s: %d methods, error %v", c.name, len(methods), err)
		case !c.ok && (err == nil || !strings.Contains(err.Error(), service+".Last")):
			t.Errorf("%s: error %v, want one that names the method", c.name, err)
		}
	}
}

// registerService makes a service with the methods First and Last.
func registerService(t *testing.T, name string, first, last *descriptorpb.MethodOptions) string {
	t.Helper()
	empty := (&emptypb.Empty{}).ProtoReflect().Descriptor()
	method := func(name string, options *descriptorpb.MethodOptions) *descriptorpb.MethodDescriptorProto {
		return &descriptorpb.MethodDescriptorProto{
			Name: new(name), Options: options,
			InputType: new("." + string(empty.FullName())), OutputType: new("." + string(empty.FullName())),
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("test/" + name + ".proto"), Package: new("test"), Syntax: new("proto3"),
		Dependency: []string{empty.ParentFile().Path()},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: new(name), Method: []*descriptorpb.MethodDescriptorProto{method("First", first), method("Last", last)},
		}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
		t.Fatal(err)
	}
	return "test." + name
}
