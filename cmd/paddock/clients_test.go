package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store"
)

const clientsDir = "../../internal/clients"

// stockClients are the tests of internal/clients: programs that print a line a check, each of which becomes a test here.
var stockClients = []struct {
	name, dir string
	command   []string
	aborted   int // calls to tiny-slow that it aborts
}{
	{"openai of npm", "npm", []string{"node", "--test-reporter=tap", "openai.test.js"}, 3},
	{"ollama of npm", "npm", []string{"node", "--test-reporter=tap", "ollama.test.js"}, 2},
	{"anthropic of npm", "anthropic", []string{"node", "--test-reporter=tap", "anthropic.test.js"}, 1},
	{"ai of npm", "ai", []string{"node", "--test-reporter=tap", "ai.test.js"}, 5},
	{"langchain of npm", "langchain", []string{"node", "--test-reporter=tap", "langchain.test.js"}, 3},
	{"openai-go", "openai", goTest, 2},
	{"go-openai", "goopenai", goTest, 1},
	{"langchaingo", "langchaingo", goTest, 1},
	{"ollama of Go", "ollama", goTest, 1},
}

var goTest = []string{"go", "test", "-vet=off", "-count=1", "-v", "."}

// TestStockClients runs the clients that others publish, as they are in their registries, with another address and a key.
func TestStockClients(t *testing.T) {
	t.Parallel()
	upstream := ollamatest.Start(t)
	scriptTools(upstream)
	upstream.CallTool("get_weather", `{"city":"Berlin"}`)
	env := onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream.URL})
	paddock := start(t, env, "serve")
	a := paddock.app(t)
	keys := clientKeys(t, a)
	aborted := 0
	for _, c := range stockClients {
		t.Run(c.name, func(t *testing.T) {
			runClient(t, c.dir, c.command, keys)
			aborted += c.aborted
		})
	}
	wantAborted(t, upstream, aborted)
	for _, r := range upstream.Requests() {
		wantDiscreet(t, &r)
	}
	if shown := body(t, a.URL+"/metrics"); !regexp.MustCompile(`(?m)^paddock_upstream_up\{.*\} 1$`).MatchString(shown) {
		t.Errorf("after aborts the upstream counts as down:\n%s", shown)
	}
	paddock.stop(t)
	wantRecordedAborts(t, filepath.Join(env["DATA_DIR"], "paddock.db"), "tiny-slow:latest", aborted)
}

// TestStockClientsWithOllama is the same in front of a real Ollama server, when there is one (make test-ollama).
func TestStockClientsWithOllama(t *testing.T) {
	upstream := os.Getenv("OLLAMA_TEST_URL")
	if upstream == "" {
		t.Skip("real Ollama: not run: OLLAMA_TEST_URL is not set (make test-ollama sets it)")
	}
	a := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream}), "serve").app(t)
	keys := append(clientKeys(t, a), "PADDOCK_REAL_OLLAMA=1")
	for _, c := range stockClients {
		t.Run(c.name, func(t *testing.T) { runClient(t, c.dir, c.command, keys) })
	}
}

// clientKeys are the keys that the clients get: of a user who may do all, for one model alone, and of a user without tokens.
func clientKeys(t *testing.T, a *apptest.App) []string {
	t.Helper()
	user, poor := a.NewPerson(t, "user"), a.NewPerson(t, "user")
	narrow, err := a.As(user.Token).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{
		Label: "narrow", Models: &paddockv1.ModelList{Names: []string{"tiny-chat"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: poor.GetId(), TokensPerDay: new(int64(0))})
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"PADDOCK_URL=" + a.URL, "PADDOCK_KEY=" + user.Key, "PADDOCK_NARROW_KEY=" + narrow.GetSecret(), "PADDOCK_POOR_KEY=" + poor.Key,
	}
}

// checked is the line of a check: of TAP, or of go test.
var checked = regexp.MustCompile(`(?m)^(?:(not ok|ok) \d+ - (.*)|--- (PASS|FAIL): (\S+).*)$`)

// runClient runs a program of internal/clients, and makes its checks tests.
func runClient(t *testing.T, dir string, command, env []string) {
	t.Helper()
	dir = filepath.Join(clientsDir, dir)
	install(t, dir, command[0])
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	client := exec.CommandContext(ctx, command[0], command[1:]...)
	client.Dir, client.Env = dir, append(os.Environ(), env...)
	out, err := client.CombinedOutput()
	checks := checked.FindAllStringSubmatch(string(out), -1)
	for _, c := range checks {
		t.Run(c[2]+c[4], func(t *testing.T) {
			if c[1] == "not ok" || c[3] == "FAIL" {
				t.Fail()
			}
		})
	}
	if err != nil || len(checks) == 0 {
		t.Errorf("%d checks, %v\n%s", len(checks), err, out)
	}
}

// install brings what a client's test needs, or skips it and says why.
func install(t *testing.T, dir, program string) {
	t.Helper()
	if program == "go" {
		orSkip(t, dir, "go", "mod", "download")
		return
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm clients: not run: no npm")
	}
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	done := filepath.Join(dir, "node_modules", ".installed")
	installed, err := os.Stat(done)
	if err == nil && installed.ModTime().After(lock.ModTime()) {
		return
	}
	// Not "npm ci": that fails where a registry lacks the binary of a program for any other platform.
	orSkip(t, dir, "npm", "install", "--no-save", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
	// What some programs do to themselves to be ready; no other package's scripts run.
	orSkip(t, dir, "npm", "run", "--if-present", "postinstall")
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// orSkip runs a command in a folder, and skips the test with what it said when it fails.
func orSkip(t *testing.T, dir string, command ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("%s: not run: %s: %v: %s", filepath.Base(dir), strings.Join(command, " "), err, out)
	}
}

// wantAborted waits until nothing runs upstream any more, and counts the calls that were cut off there.
func wantAborted(t *testing.T, upstream *ollamatest.Server, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := upstream.WaitIdle(ctx); err != nil {
		t.Error("an aborted call goes on upstream")
	}
	got := 0
	for _, r := range upstream.Requests() {
		if r.Model == "tiny-slow" && !r.Aborted.IsZero() {
			got++
		}
	}
	if got != want {
		t.Errorf("%d calls were aborted upstream, want %d", got, want)
	}
}

// wantRecordedAborts checks that calls which their client left are recorded as that, and not as failed.
func wantRecordedAborts(t *testing.T, file, model string, want int) {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite://"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	outcomes := map[string]int{}
	err = s.Read(t.Context(), `SELECT outcome FROM usage_records WHERE model = $1`, []any{model}, func(row store.Row) error {
		var outcome string
		err := row.Scan(&outcome)
		outcomes[outcome]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if outcomes["failed"] > 0 || outcomes["aborted"] != want {
		t.Errorf("aborted calls are recorded as %v, want %d aborted", outcomes, want)
	}
}

// scriptTools makes the test Ollama call a tool as a real one was recorded to, in either dialect, whole and streamed.
func scriptTools(upstream *ollamatest.Server) {
	const (
		message  = `"message":{"role":"assistant","content":"","tool_calls":[{"id":"call_m09lfw8w","function":{"index":0,"name":"get_weather","arguments":{"city":"Berlin"}}}]}`
		end      = `"done":true,"done_reason":"stop","total_duration":13463844,"prompt_eval_count":213,"eval_count":6}`
		ollama   = `{"model":"tiny-tools","created_at":"2026-11-22T19:59:34.821193226Z",`
		calls    = `{"role":"assistant","content":"","tool_calls":[{"id":"call_y3txveb5","index":0,"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Berlin\"}"}}]}`
		openAI   = `"created":1795377640,"model":"tiny-tools","system_fingerprint":"fp_ollama","choices":[{"index":0,`
		whole    = `{"id":"chatcmpl-82","object":"chat.completion",` + openAI
		chunk    = `data: {"id":"chatcmpl-825","object":"chat.completion.chunk",` + openAI
		counts   = `"usage":{"prompt_tokens":213,"completion_tokens":6,"total_tokens":219}}`
		lastPart = `data: {"id":"chatcmpl-825","object":"chat.completion.chunk","created":1795377640,"model":"tiny-tools","system_fingerprint":"fp_ollama","choices":[],`
	)
	upstream.Script("tools:ollama", ollamatest.Body([]byte(ollama+message+","+end)))
	upstream.Script("tools:ollama-stream", ollamatest.Raw(ollama+message+`,"done":false}`+"\n"+ollama+`"message":{"role":"assistant","content":""},`+end+"\n"))
	upstream.Script("tools:openai", ollamatest.Body([]byte(whole+`"message":`+calls+`,"finish_reason":"tool_calls"}],`+counts)))
	upstream.Script("tools:openai-stream", ollamatest.Raw(
		chunk+`"delta":`+calls+`,"finish_reason":null}]}`+"\n\n"+
			chunk+`"delta":{"role":"assistant","content":""},"finish_reason":"tool_calls"}]}`+"\n\n"+
			lastPart+counts+"\n\ndata: [DONE]\n\n"))
}
