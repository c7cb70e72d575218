package apptest_test

import (
	"encoding/json"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// FuzzRPC_UpstreamRequest checks that, with any body of a call, the upstream is asked for nothing but the models that the
// caller may use, and with no field that is not in the contract.
func FuzzRPC_UpstreamRequest(f *testing.F) {
	for _, body := range []string{
		`{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}],"options":{"numPredict":1}}`,
		`{"model":"tiny-chat","model":"tiny-think","messages":[{"role":"user","content":"hi"}],"input":["x"]}`,
		`{"model":"tiny-think","messages":[{"role":"user","content":"hi"}]}`,
		`{"MODEL":"tiny-think","messages":[{"role":"user","content":"hi"}]}`,
		`{"model":"library/TINY-chat:latest","messages":[{"role":"user","content":"{\"model\":\"tiny-think\"}"}]}`,
		`{"mode\u006c":"http://registry.ollama.ai/library/tiny-think","input":["a"]}`,
		`{"model":"tiny-chat\u0000","messages":[]}`, `{"model":"tiny-embed","input":["x"],"keep_alive":0,"truncate":false}`,
		`{"input":["x"]}`, `{"messages":[{"role":"user","content":"hi"}]}`, `{"model":"../tiny-chat","input":["x"]}`,
	} {
		f.Add(body)
	}
	a := apptest.Start(f, storetest.SQLite(f), apptest.Env{"DEFAULT_CHAT_MODEL": "tiny-think", "DEFAULT_EMBED_MODEL": "tiny-embed"})
	p := a.NewPerson(f, "user")
	_, err := a.Admin().Users.SetRoleModels(f.Context(), &paddockv1.SetRoleModelsRequest{Name: "user", Models: modelList("tiny-chat")})
	must(f, err)
	chat, embed := methodOf(f, paddockv1connect.OllamaServiceChatProcedure), methodOf(f, paddockv1connect.OllamaServiceEmbedProcedure)
	allowed := map[string]bool{"model": true, "messages": true, "stream": true, "options": true, "input": true, "truncate": true}
	f.Fuzz(func(t *testing.T, body string) {
		before := len(a.Upstream.Requests())
		for _, m := range []rpc{chat, embed} {
			_, _, _ = connectJSON.call(t.Context(), a, m, bearerOf(p.Key), []byte(body))
		}
		all := a.Upstream.Requests()
		if before > len(all) { // only the latest are kept
			before = 0
		}
		for _, r := range all[before:] {
			if r.Path != "/api/chat" && r.Path != "/api/embed" {
				continue
			}
			if name, err := ollama.Canonical(r.Model); err != nil || name != "tiny-chat:latest" {
				t.Fatalf("%q sent %s", body, r.Body)
			}
			var sent map[string]json.RawMessage
			must(t, json.Unmarshal(r.Body, &sent))
			for key := range sent {
				if !allowed[key] {
					t.Fatalf("%q sent %s", body, r.Body)
				}
			}
		}
	})
}
