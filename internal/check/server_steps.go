package check

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apierr"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// key is the API key that is issued to see whether that works.
type key struct {
	label   string // "" until one was asked for
	id      string
	secret  string
	revoked bool // the server said so
	gone    bool // and it no longer works
}

// keyLife bounds what a key can do that could not be revoked.
const keyLife = 15 * time.Minute

// checkSignIn signs in, or looks whose token it has been given.
func (s *server) checkSignIn(ctx context.Context) (string, error) {
	if s.Token == "" {
		m, err := s.auth.Login(ctx, &paddockv1.LoginRequest{Email: s.Email, Password: s.Password})
		if err != nil {
			return "", toldBy(err)
		}
		s.report.secrets = append(s.report.secrets, m.GetAccessToken(), m.GetRefreshToken())
		s.connect(m.GetAccessToken())
		s.signedIn = true
	}
	me, err := s.auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
	if err != nil {
		return "", toldBy(err)
	}
	if s.Token == "" {
		s.sessionID = me.GetSessionId()
	}
	if s.userID = me.GetUser().GetId(); !slices.Contains(me.GetUser().GetRoles(), "admin") {
		return "", fmt.Errorf("%s is no admin", me.GetUser().GetEmail())
	}
	return "as " + me.GetUser().GetEmail(), nil
}

func (s *server) checkModels(ctx context.Context) (string, error) {
	m, err := s.ollama.ListModels(ctx, &paddockv1.ListModelsRequest{})
	if err != nil {
		return "", toldBy(err)
	}
	if len(m.GetModels()) == 0 {
		return "", errors.New("there are none: `ollama pull` one")
	}
	return fmt.Sprintf("%d, such as %s", len(m.GetModels()), m.GetModels()[0].GetName()), nil
}

func (s *server) checkChat(ctx context.Context) (string, error) {
	stream, err := s.ollama.Chat(ctx, &paddockv1.ChatRequest{
		Model:    s.ChatModel,
		Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "Say hello."}},
		Options:  &paddockv1.ChatOptions{NumPredict: new(int32(16))},
	})
	if err != nil {
		return "", toldBy(err)
	}
	defer stream.Close()
	pieces := 0
	var last *paddockv1.ChatResponse
	for stream.Receive() {
		if last = stream.Msg(); last.GetContent() != "" {
			pieces++
		}
	}
	if err := stream.Err(); err != nil {
		return "", toldModel(err, s.ChatModel, "--chat-model", "DEFAULT_CHAT_MODEL")
	}
	if !last.GetDone() || last.GetCompletionTokens() == 0 {
		return "", errors.New("the answer is empty")
	}
	return fmt.Sprintf("%d tokens in %d pieces", last.GetCompletionTokens(), pieces), nil
}

func (s *server) checkEmbedding(ctx context.Context) (string, error) {
	m, err := s.ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: s.EmbedModel, Input: []string{"hello"}})
	if err != nil {
		return "", toldModel(err, s.EmbedModel, "--embed-model", "DEFAULT_EMBED_MODEL")
	}
	if len(m.GetEmbeddings()) != 1 || len(m.GetEmbeddings()[0].GetValues()) == 0 {
		return "", fmt.Errorf("%d vectors for one text", len(m.GetEmbeddings()))
	}
	return fmt.Sprintf("%d dimensions", len(m.GetEmbeddings()[0].GetValues())), nil
}

func (s *server) checkKeyIssued(ctx context.Context) (string, error) {
	s.key.label = "paddock check " + strings.ToLower(rand.Text()[:8])
	m, err := s.credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{
		Label: s.key.label, ExpiresAt: timestamppb.New(time.Now().Add(keyLife)),
	})
	if err != nil {
		return "", toldBy(err)
	}
	s.key.id, s.key.secret = m.GetCredential().GetId(), m.GetSecret()
	s.report.secrets = append(s.report.secrets, s.key.secret)
	return m.GetCredential().GetPrefix() + "…", nil
}

// asKey asks who the caller is who has the key.
func (s *server) asKey(ctx context.Context) (*paddockv1.WhoAmIResponse, error) {
	client := paddockv1connect.NewAuthServiceClient(s.http, s.URL, connect.WithInterceptors(bearer(s.key.secret)))
	return client.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
}

func (s *server) checkKeyUsed(ctx context.Context) (string, error) {
	me, err := s.asKey(ctx)
	if err != nil {
		return "", toldBy(err)
	}
	if me.GetCredentialId() != s.key.id || me.GetUser().GetId() != s.userID {
		return "", errors.New("the server takes it for another one")
	}
	return "it works", nil
}

func (s *server) checkKeyRevoked(ctx context.Context) (string, error) {
	if err := s.revoke(ctx, s.key.id); err != nil {
		return "", toldBy(err)
	}
	s.key.revoked = true
	if _, err := s.asKey(ctx); connect.CodeOf(err) != connect.CodeUnauthenticated {
		if err == nil {
			return "", errors.New("it still works")
		}
		return "", toldBy(err)
	}
	s.key.gone = true
	return "it works no more", nil
}

func (s *server) revoke(ctx context.Context, id string) error {
	_, err := s.credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: id})
	return err
}

// checkAudit looks for the entries of what was done here.
func (s *server) checkAudit(ctx context.Context) (string, error) {
	want := map[string]bool{"api_key_issued": true, "api_key_revoked": s.key.revoked}
	for event, wanted := range want {
		if !wanted {
			continue
		}
		m, err := s.audit.ListAuditEntries(ctx, &paddockv1.ListAuditEntriesRequest{EventType: event, UserId: s.userID, PageSize: 500})
		if err != nil {
			return "", toldBy(err)
		}
		if !slices.ContainsFunc(m.GetEntries(), func(e *paddockv1.AuditEntry) bool { return strings.Contains(e.GetDetail(), s.key.label) }) {
			return "", fmt.Errorf("no entry %s of this key", event)
		}
	}
	if s.sessionID == "" {
		return "has the key's entries", nil
	}
	m, err := s.audit.ListAuditEntries(ctx, &paddockv1.ListAuditEntriesRequest{EventType: "login_success", UserId: s.userID, PageSize: 500})
	if err != nil {
		return "", toldBy(err)
	}
	if !slices.ContainsFunc(m.GetEntries(), func(e *paddockv1.AuditEntry) bool { return e.GetSessionId() == s.sessionID }) {
		return "", errors.New("no entry login_success of this session")
	}
	return "has the entries of the sign-in and the key", nil
}

func (s *server) checkSignOut(ctx context.Context) (string, error) {
	if !s.signedIn {
		return "not needed: a token was given", nil
	}
	s.dropKey(ctx)
	if _, err := s.auth.Logout(ctx, &paddockv1.LogoutRequest{}); err != nil {
		return "", toldBy(err)
	}
	if _, err := s.auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
		return "", errors.New("the access token still works")
	}
	s.signedIn = false
	return "the session has ended", nil
}

// cleanUp revokes the key and ends the session, if they are still there.
func (s *server) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	s.dropKey(ctx)
	if s.signedIn {
		_, _ = s.auth.Logout(ctx, &paddockv1.LogoutRequest{}) // it expires all the same
	}
}

// dropKey revokes the key unless it is gone. One of which the server's answer was lost is found by its label.
func (s *server) dropKey(ctx context.Context) {
	if s.key.label == "" || s.key.gone {
		return
	}
	m, err := s.credentials.ListCredentials(ctx, &paddockv1.ListCredentialsRequest{})
	if err != nil {
		return // it expires all the same
	}
	for _, c := range m.GetCredentials() {
		if c.GetLabel() == s.key.label && c.GetRevokedAt() == nil {
			_ = s.revoke(ctx, c.GetId()) // likewise
		}
	}
}

// toldBy returns what the server says is wrong, with the reason and the request id, by which its log can be searched.
func toldBy(err error) error {
	told, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return err
	}
	text := told.Message()
	if reason := apierr.ReasonOf(told); reason != "" {
		text += " (" + string(reason)
		if id := told.Meta().Get("X-Request-Id"); id != "" {
			text += ", request " + id
		}
		text += ")"
	} else {
		text += " (" + told.Code().String() + ")"
	}
	return errors.New(text)
}

// toldModel is toldBy with a hint when the server's own default model is missing.
func toldModel(err error, model, flag, variable string) error {
	told, ok := errors.AsType[*connect.Error](err)
	if ok && apierr.ReasonOf(told) == apierr.ModelNotFound && model == "" {
		return fmt.Errorf("%w: set %s there, or name another one with %s", toldBy(err), variable, flag)
	}
	return toldBy(err)
}
