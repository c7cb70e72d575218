package apptest_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestMainJob does what Paddock exists for: the first admin makes a user who then chats and embeds with an API key, and the
// audit trail has an entry for each step.
func TestMainJob(t *testing.T) { apptest.Each(t, mainJob) }

// TestMainJobWithOllama is the same through a real Ollama server, when there is one (make test-ollama).
func TestMainJobWithOllama(t *testing.T) {
	url := os.Getenv("OLLAMA_TEST_URL")
	if url == "" {
		t.Skip("OLLAMA_TEST_URL is not set")
	}
	apptest.EachWith(t, apptest.Env{"OLLAMA_BASE_URL": url}, mainJob)
}

func mainJob(t *testing.T, a *apptest.App) {
	t.Helper()
	ctx := t.Context()
	admin := a.As(a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken())

	created, err := admin.Users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: "Ada@Example.com"})
	if err != nil {
		t.Fatal(err)
	}
	ada := created.GetUser()
	if ada.GetEmail() != "ada@example.com" || !ada.GetActive() || len(ada.GetRoles()) != 0 {
		t.Errorf("created %v", ada)
	}
	roles, _ := structpb.NewList([]any{"user"})
	if _, err := admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: ada.GetId(), Roles: roles}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: ada.GetId(), Password: "analytical engine"}); err != nil {
		t.Fatal(err)
	}
	issued, err := admin.Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{UserId: ada.GetId(), Label: "notebook"})
	if err != nil {
		t.Fatal(err)
	}
	a.Login(t, "ada@example.com", "analytical engine")

	key := a.As(issued.GetSecret())
	stream, err := key.Ollama.Chat(ctx, &paddockv1.ChatRequest{
		Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer strings.Builder
	var last *paddockv1.ChatResponse
	for stream.Receive() {
		last = stream.Msg()
		answer.WriteString(last.GetContent())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if answer.String() != ollamatest.ChatAnswer || !last.GetDone() || last.GetCompletionTokens() != 27 {
		t.Errorf("answer %q, last %v", answer.String(), last)
	}
	embedded, err := key.Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"hello", "zebra"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(embedded.GetEmbeddings()); n != 2 || len(embedded.GetEmbeddings()[0].GetValues()) != 64 {
		t.Errorf("embeddings: %d", n)
	}

	var steps []string
	for _, e := range a.Entries(t, "") {
		steps = append(steps, e.GetEventType())
	}
	slices.Reverse(steps)
	want := []string{"bootstrap", "login_success", "user_created", "roles_changed", "password_set", "api_key_issued", "login_success"}
	if !slices.Equal(steps, want) {
		t.Errorf("audit trail %v, want %v", steps, want)
	}
}
