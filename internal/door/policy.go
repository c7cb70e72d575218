package door

import (
	"fmt"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// Method is an RPC as its descriptor describes it, or a route of the gateway in the same terms.
type Method struct {
	Name        string // for people: "UserService.GetUser"
	Procedure   string // "/paddock.v1.UserService/GetUser"
	Service     protoreflect.FullName
	Rule        *paddockv1.AccessRule
	Streams     bool // the response is a stream
	SideEffects bool
}

// MethodsOf returns the methods of the services. A method without an access rule is an error.
func MethodsOf(services ...string) (all []Method, _ error) {
	for _, s := range services {
		methods, err := methodsOf(s)
		if err != nil {
			return nil, err
		}
		all = append(all, methods...)
	}
	return all, nil
}

func methodsOf(service string) ([]Method, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, err
	}
	described, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no service", service)
	}
	descriptors := described.Methods()
	var methods []Method
	for i := range descriptors.Len() {
		m := descriptors.Get(i)
		options, _ := m.Options().(*descriptorpb.MethodOptions)
		rule, _ := proto.GetExtension(options, paddockv1.E_Access).(*paddockv1.AccessRule)
		if rule.GetLevel() == paddockv1.AccessRule_LEVEL_UNSPECIFIED {
			return nil, fmt.Errorf("%s has no access rule", m.FullName())
		}
		methods = append(methods, Method{
			Name:        string(described.Name()) + "." + string(m.Name()),
			Procedure:   "/" + service + "/" + string(m.Name()),
			Service:     m.Parent().FullName(),
			Rule:        rule,
			Streams:     m.IsStreamingServer(),
			SideEffects: options.GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
		})
	}
	return methods, nil
}

// public reports whether the method needs no credential.
func (m *Method) public() bool { return m.Rule.GetLevel() == paddockv1.AccessRule_LEVEL_PUBLIC }

// rolesFor returns the roles of which a caller of the level needs one; none if they need no role.
func rolesFor(level paddockv1.AccessRule_Level) []string {
	switch {
	case level == paddockv1.AccessRule_LEVEL_ADMIN:
		return []string{caller.Admin}
	case level == paddockv1.AccessRule_LEVEL_USER:
		return []string{caller.User, caller.Admin}
	}
	return nil
}

var (
	errNoRole = apierr.New(connect.CodePermissionDenied, apierr.AccessDenied, "this needs a role that you do not have")
	errNoKeys = apierr.New(connect.CodePermissionDenied, apierr.AccessDenied, "this needs a session; an API key cannot do it")
)

// allows returns an error if the authenticated caller may not call the method.
func (m *Method) allows(c *caller.Caller) *connect.Error {
	if m.Rule.GetSessionOnly() && c.Method != caller.Password {
		return errNoKeys
	}
	if roles := rolesFor(m.Rule.GetLevel()); len(roles) > 0 && !slices.ContainsFunc(roles, c.Has) {
		return errNoRole
	}
	return nil
}
