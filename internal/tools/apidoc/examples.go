package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

const anID = "019fb0c2-7a41-7c3e-9d55-0b6f4a1e2c80"

// examples has one request of each type that has fields: what the documentation's forms are filled with.
var examples = []proto.Message{
	&paddockv1.LoginRequest{Email: "admin@example.com", Password: "admin"},
	&paddockv1.RefreshRequest{RefreshToken: "the refresh_token of Login"},
	&paddockv1.ChangePasswordRequest{CurrentPassword: "analytical engine", NewPassword: "difference engine"},
	&paddockv1.ListSessionsRequest{},
	&paddockv1.RevokeSessionRequest{Id: anID},

	&paddockv1.CreateUserRequest{Email: "ada@example.com", DisplayName: "Ada Lovelace", Roles: []string{"user"}},
	&paddockv1.GetUserRequest{Id: anID},
	&paddockv1.ListUsersRequest{PageSize: 20},
	&paddockv1.UpdateUserRequest{Id: anID, Roles: &structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("user")}}},
	&paddockv1.DeleteUserRequest{Id: anID},
	&paddockv1.SetRoleModelsRequest{Name: "user", Models: &paddockv1.ModelList{Names: []string{"llama3.2"}}},
	&paddockv1.SetPasswordRequest{UserId: anID, Password: "analytical engine"},

	&paddockv1.IssueApiKeyRequest{Label: "notebook"},
	&paddockv1.ListCredentialsRequest{},
	&paddockv1.SetCredentialModelsRequest{Id: anID, Models: &paddockv1.ModelList{Names: []string{"llama3.2"}}},
	&paddockv1.RevokeCredentialRequest{Id: anID},
	&paddockv1.RotateCredentialRequest{Id: anID},

	&paddockv1.ChatRequest{Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "Why is the sky blue?"}}},
	&paddockv1.EmbedRequest{Input: []string{"Why is the sky blue?", "Why is grass green?"}},

	&paddockv1.GetUsageRequest{GroupBy: []string{"day", "model"}},
	&paddockv1.GetQuotaRequest{},
	&paddockv1.SetQuotaRequest{UserId: anID, TokensPerDay: new(int64(200_000))},

	&paddockv1.ListAuditEntriesRequest{PageSize: 20, EventType: "login"},
	&paddockv1.CountAuditEntriesRequest{Bounds: []*timestamppb.Timestamp{{Seconds: 1_793_491_200}, {Seconds: 1_793_577_600}, {Seconds: 1_793_664_000}}},
	&paddockv1.ExportAuditEntriesRequest{EventType: "login"},
}

// exampleOf returns the example of a request, which must pass its rules.
func exampleOf(request protoreflect.MessageDescriptor) (json.RawMessage, error) {
	if request.Fields().Len() == 0 {
		return json.RawMessage("{}"), nil
	}
	for _, e := range examples {
		if e.ProtoReflect().Descriptor() != request {
			continue
		}
		if err := protovalidate.Validate(e); err != nil {
			return nil, fmt.Errorf("example: %w", err)
		}
		loose, err := protojson.Marshal(e)
		if err != nil {
			return nil, err
		}
		var compact bytes.Buffer // protojson varies its spaces on purpose
		err = json.Compact(&compact, loose)
		return compact.Bytes(), err
	}
	return nil, fmt.Errorf("%s has no example", request.FullName())
}
