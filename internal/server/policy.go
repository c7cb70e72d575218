package server

import (
	"fmt"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// method is one RPC and what its descriptor says of it, or a route of the gateway in the same terms.
type method struct {
	name        string // for people: "UserService.GetUser"
	procedure   string // "/paddock.v1.UserService/GetUser"
	service     protoreflect.FullName
	request     protoreflect.FullName
	rule        *paddockv1.AccessRule
	streams     bool // the answer is a stream
	sideEffects bool
}

// methodsOf reads the methods of a service. A method without an access rule is an error, and the server does not start.
func methodsOf(service string) ([]method, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, err
	}
	described, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no service", service)
	}
	descriptors := described.Methods()
	var methods []method
	for i := range descriptors.Len() {
		m := descriptors.Get(i)
		options, _ := m.Options().(*descriptorpb.MethodOptions)
		rule, _ := proto.GetExtension(options, paddockv1.E_Access).(*paddockv1.AccessRule)
		if rule.GetLevel() == paddockv1.AccessRule_LEVEL_UNSPECIFIED {
			return nil, fmt.Errorf("%s has no access rule", m.FullName())
		}
		methods = append(methods, method{
			name:        string(described.Name()) + "." + string(m.Name()),
			procedure:   "/" + service + "/" + string(m.Name()),
			service:     m.Parent().FullName(),
			request:     m.Input().FullName(),
			rule:        rule,
			streams:     m.IsStreamingServer(),
			sideEffects: options.GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
		})
	}
	return methods, nil
}

// rolesFor returns the roles of which a caller needs one; none for the levels below.
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
	errNoRole = fault.New(connect.CodePermissionDenied, fault.AccessDenied, "this needs a role that you do not have")
	errNoKeys = fault.New(connect.CodePermissionDenied, fault.AccessDenied, "this needs a session; an API key cannot do it")
)

// admit decides whether a caller who has proved who they are may call the method.
func (m *method) admit(c *caller.Caller) *connect.Error {
	if m.rule.GetSessionOnly() && c.Method != caller.Password {
		return errNoKeys
	}
	if roles := rolesFor(m.rule.GetLevel()); len(roles) > 0 && !slices.ContainsFunc(roles, c.Has) {
		return errNoRole
	}
	return nil
}
