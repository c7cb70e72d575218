package apptest_test

import (
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func modelList(names ...string) *paddockv1.ModelList { return &paddockv1.ModelList{Names: names} }

func chatWith(t testing.TB, a *apptest.App, credential, model string) error {
	t.Helper()
	stream, err := a.As(credential).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{
		Model: model, Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
	})
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
	}
	return stream.Err()
}

func listed(t testing.TB, a *apptest.App, credential string) string {
	t.Helper()
	m, err := a.As(credential).Ollama.ListModels(t.Context(), &paddockv1.ListModelsRequest{})
	must(t, err)
	var names []string
	for _, model := range m.GetModels() {
		names = append(names, model.GetName())
	}
	return strings.Join(names, " ")
}

// TestAllowedModels checks that only allowed models may be used, in any spelling, and that only those are shown: a role's
// list adds, a key's takes away.
func TestAllowedModels(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, both := a.NewPerson(t, "user"), a.NewPerson(t, "user", "admin")
		r, err := a.Admin().Users.SetRoleModels(t.Context(), &paddockv1.SetRoleModelsRequest{
			Name: "user", Models: modelList("TINY-embed", "library/tiny-chat", "tiny-chat:latest"),
		})
		must(t, err)
		if got := strings.Join(r.GetRole().GetModels().GetNames(), " "); got != "tiny-chat:latest tiny-embed:latest" {
			t.Errorf("the list is %q", got)
		}
		if e := a.Entries(t, "models_changed"); len(e) != 1 || e[0].GetDetail() != "role user: tiny-chat:latest, tiny-embed:latest; before: all models" {
			t.Errorf("entries %v", e)
		}
		if got := listed(t, a, p.Key); got != "tiny-chat:latest tiny-embed:latest" && got != "tiny-embed:latest tiny-chat:latest" {
			t.Errorf("listed: %s", got)
		}
		must(t, chatWith(t, a, p.Key, "Tiny-Chat"))
		asked := len(a.Upstream.To("/api/chat"))
		for _, model := range []string{"tiny-slow", "TINY-SLOW:latest", "library/tiny-slow", "https://registry.ollama.ai/library/tiny-slow:LATEST"} {
			err := chatWith(t, a, p.Key, model)
			if apptest.WantReason(t, err, apierr.ModelNotAllowed); connect.CodeOf(err) != connect.CodePermissionDenied {
				t.Errorf("%s: %v", model, err)
			}
		}
		if n := len(a.Upstream.To("/api/chat")); n != asked {
			t.Errorf("%d forbidden calls reached the upstream", n-asked)
		}
		if !strings.Contains(listed(t, a, both.Key), "tiny-slow") {
			t.Error("another role's list takes away from what admin allows")
		}

		// A key's own list, and what it may not do to get around it.
		narrow, err := a.As(p.Token).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "narrow", Models: modelList("tiny-embed")})
		must(t, err)
		key, id := narrow.GetSecret(), narrow.GetCredential().GetId()
		if got := listed(t, a, key); got != "tiny-embed:latest" {
			t.Errorf("listed: %s", got)
		}
		apptest.WantReason(t, chatWith(t, a, key, "tiny-chat"), apierr.ModelNotAllowed)
		again, err := a.As(key).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "wide", Models: modelList("tiny-chat", "tiny-embed")})
		must(t, err)
		if got := again.GetCredential().GetModels().GetNames(); len(got) != 1 || got[0] != "tiny-embed:latest" {
			t.Errorf("it made a key for %v", got)
		}
		_, err = a.As(key).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: p.KeyID})
		apptest.WantReason(t, err, apierr.AccessDenied)
		_, err = a.As(key).Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{Id: id})
		apptest.WantReason(t, err, apierr.AccessDenied)
		rotated, err := a.As(key).Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: id})
		must(t, err)
		if got := rotated.GetCredential().GetModels().GetNames(); len(got) != 1 || got[0] != "tiny-embed:latest" {
			t.Errorf("the new key is for %v", got)
		}
		set, err := a.As(p.Token).Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{Id: rotated.GetCredential().GetId()})
		must(t, err)
		if set.GetCredential().GetModels() != nil {
			t.Errorf("%v", set)
		}
		must(t, chatWith(t, a, rotated.GetSecret(), "tiny-chat"))
		_, err = a.As(p.Token).Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{
			Id: rotated.GetCredential().GetId(), Models: modelList(),
		})
		must(t, err)
		if got := listed(t, a, rotated.GetSecret()); got != "" {
			t.Errorf("a key for no model lists %s", got)
		}
		_, err = a.Admin().Users.SetRoleModels(t.Context(), &paddockv1.SetRoleModelsRequest{Name: "user", Models: modelList("no model!")})
		apptest.WantReason(t, err, apierr.InvalidArgument)
		_, err = a.Admin().Users.SetRoleModels(t.Context(), &paddockv1.SetRoleModelsRequest{Name: "user"})
		must(t, err)
		must(t, chatWith(t, a, p.Key, "tiny-chat"))
	})
}

// TestAuditEntry_LongModelLists checks that the audit entries of long lists of models differ where the lists do, though they
// cannot hold them.
func TestAuditEntry_LongModelLists(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), nil)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("somebody/a-model-%03d", i))
	}
	for _, list := range [][]string{names, names[2:]} {
		_, err := a.Admin().Users.SetRoleModels(t.Context(), &paddockv1.SetRoleModelsRequest{Name: "user", Models: modelList(list...)})
		must(t, err)
	}
	const want = "role user: 98 listed, 100 before; added: ; removed: somebody/a-model-000:latest, somebody/a-model-001:latest"
	if e := a.Entries(t, "models_changed"); e[0].GetDetail() != want {
		t.Errorf("%q", e[0].GetDetail())
	}
}
