package main

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// codingAgent is a coding agent of npm. People start it with what README.md shows under its name; run makes it work
// through one prompt without asking.
type codingAgent struct {
	name, command string
	run           string // what makes its command work through a prompt and end; "$@" are the arguments of README.md
	next          string // the same for a second prompt of the same session
	settings      environment
	tool          string // that runs a command of the shell
	arguments     string // of the tool, in JSON
}

var codingAgents = []codingAgent{
	{
		"claude-code", "claude", `"$@" -p --allowedTools=Bash -- "$PROMPT"`, `"$@" --continue -p --allowedTools=Bash -- "$PROMPT"`,
		environment{"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"},
		"Bash", `{"command": "cat note.txt", "description": "Read the note"}`,
	},
	{
		"codex", "codex", codexExec + ` "$@" "$PROMPT"`, codexExec + ` "$@" resume --last "$PROMPT"`, nil,
		"exec_command", `{"cmd": "cat note.txt"}`,
	},
	{
		"opencode", "opencode", `run "$@" "$PROMPT"`, `run --continue "$@" "$PROMPT"`,
		environment{"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"},
		"bash", `{"command": "cat note.txt", "description": "Read the note"}`,
	},
	{
		"qwen-code", "qwen", `"$@" --yolo -p "$PROMPT"`, `"$@" --yolo --continue -p "$PROMPT"`,
		environment{"QWEN_CODE_SUPPRESS_YOLO_WARNING": "1"},
		"run_shell_command", `{"command": "cat note.txt", "description": "Read the note", "is_background": false}`,
	},
}

// codexExec needs no sandbox, which some machines do not have: all that it is asked to run is cat.
const codexExec = `exec --skip-git-repo-check --sandbox danger-full-access -c check_for_update_on_startup=false -c analytics.enabled=false`

// atOnce bounds how many agents work at the same time: each takes a core.
var atOnce = make(chan struct{}, 2)

// TestCodingAgents runs stock agents, as npm has them and as README.md says to start them, through a whole job each.
func TestCodingAgents(t *testing.T) {
	t.Parallel()
	for _, a := range codingAgents {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			install(t, filepath.Join(clientsDir, "agents", a.name), "node")
			newWorkshop(t, a).work(t)
		})
	}
}

// note is what the agents read with their tool.
const note = "the word is xyzzy"

// workshop is where an agent works: a folder and a home of its own, and a Paddock in front of two servers.
type workshop struct {
	codingAgent
	servers    []*ollamatest.Server
	paddock    *process
	app        *apptest.App
	user       *apptest.Person
	database   string
	home, desk string
	latest     time.Time // when the latest session began
}

func newWorkshop(t *testing.T, a codingAgent) *workshop {
	t.Helper()
	w := &workshop{codingAgent: a, servers: []*ollamatest.Server{ollamatest.Start(t), ollamatest.Start(t)}}
	env := onItsOwn(t).with(environment{
		"OLLAMA_BASE_URL": w.servers[0].URL + "," + w.servers[1].URL,
		// A minute of silence and 15 s between two signs of life, at a twentieth of the time.
		"STREAM_KEEP_ALIVE": "750ms", "OLLAMA_IDLE_TIMEOUT": "15s", "OLLAMA_FIRST_TOKEN_TIMEOUT": "30s",
	})
	w.database = filepath.Join(env["DATA_DIR"], "paddock.db")
	w.paddock = start(t, env, "serve")
	w.app = w.paddock.app(t)
	w.user = w.app.NewPerson(t, "user")
	w.furnish(t)
	return w
}

// work is the whole job. Its parts use one home one after another, as a person would.
func (w *workshop) work(t *testing.T) {
	t.Run("answers", func(t *testing.T) {
		w.say("no_such_tool", "{}", 0)
		w.want(t, w.ask(t, w.user.Key, w.run), `I know no such tool`)
	})
	t.Run("calls a tool after a silence", func(t *testing.T) {
		w.latest = time.Now()
		w.say(w.tool, w.arguments, 3*time.Second)
		w.want(t, w.ask(t, w.user.Key, w.run), `Done: `)
		w.wantToolResult(t)
	})
	t.Run("stays on one server for a session", func(t *testing.T) {
		w.want(t, w.ask(t, w.user.Key, w.next), `Done: `)
		w.wantOneServer(t)
	})
	t.Run("stops when it is told to", func(t *testing.T) {
		w.say(w.tool, w.arguments, time.Hour)
		w.interrupt(t)
	})
	t.Run("tells of an exceeded quota", func(t *testing.T) {
		poor := w.app.NewPerson(t, "user")
		_, err := w.app.Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: poor.GetId(), TokensPerDay: new(int64(0))})
		if err != nil {
			t.Fatal(err)
		}
		w.want(t, w.ask(t, poor.Key, w.run), `(?i)quota exceeded: 0 of 0 tokens`)
	})
	t.Run("tells of a revoked key", func(t *testing.T) {
		_, err := w.app.Admin().Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: w.user.KeyID})
		if err != nil {
			t.Fatal(err)
		}
		w.want(t, w.ask(t, w.user.Key, w.run), `(?i)\b401\b|authenticat|API key is needed`)
	})
	w.wantDiscreet(t)
	aborted := w.aborted()
	w.paddock.stop(t)
	wantRecordedAborts(t, w.database, "tiny-agent:latest", aborted)
}

// say makes the model of both servers call a tool after a silence.
func (w *workshop) say(tool, arguments string, silence time.Duration) {
	for _, s := range w.servers {
		s.CallTool(tool, arguments)
		s.Silence(silence)
	}
}

// want holds what an agent printed against a pattern.
func (w *workshop) want(t *testing.T, printed, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(printed) {
		t.Errorf("%s printed nothing like %s:\n%s", w.command, pattern, printed)
	}
}

// interrupt presses Ctrl-C in the middle of an answer that has no end.
func (w *workshop) interrupt(t *testing.T) {
	agent := w.typed(t, w.user.Key, w.run)
	var printed output
	agent.Stdout, agent.Stderr = &printed, &printed
	before := w.toolCalls(t)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = agent.Wait()
		close(ended)
	}()
	for deadline := time.Now().Add(patience); w.toolCalls(t) == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s asks nothing:\n%s", w.command, printed.String())
		}
	}
	time.Sleep(time.Second) // in mid-answer
	pressCtrlC(t, agent)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Errorf("%s does not end:\n%s", w.command, printed.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for _, s := range w.servers {
		if err := s.WaitIdle(ctx); err != nil {
			t.Errorf("a second after the end of %s its call goes on upstream:\n%s", w.command, printed.String())
		}
	}
	if w.aborted() == 0 {
		t.Error("no call was aborted upstream")
	}
}

// requests are the calls that came upstream, in order.
func (w *workshop) requests() []ollamatest.Request {
	var all []ollamatest.Request
	for _, s := range w.servers {
		all = append(all, s.Requests()...)
	}
	all = slices.DeleteFunc(all, func(r ollamatest.Request) bool { return r.Model != "tiny-agent" || r.Path == "/api/show" })
	slices.SortFunc(all, func(a, b ollamatest.Request) int { return a.Begun.Compare(b.Begun) })
	return all
}

// aborted counts the calls that were cut off upstream.
func (w *workshop) aborted() int {
	return len(slices.DeleteFunc(w.requests(), func(r ollamatest.Request) bool { return r.Aborted.IsZero() }))
}

// wantToolResult fails the test unless the agent has sent the model its tool's result.
func (w *workshop) wantToolResult(t *testing.T) {
	t.Helper()
	calls := w.requests()
	if !slices.ContainsFunc(calls, func(r ollamatest.Request) bool { return bytes.Contains(r.Body, []byte(note)) }) {
		t.Errorf("none of %d calls tells the model what is in the note", len(calls))
	}
}

// wantOneServer: the calls of the latest session went to one server: one for the tool, one with its result, and the next
// prompt's.
func (w *workshop) wantOneServer(t *testing.T) {
	t.Helper()
	most := []int{}
	for _, to := range w.withTools(t, w.latest) {
		if len(to) > len(most) {
			most = to
		}
	}
	if len(most) < 3 || slices.Min(most) != slices.Max(most) {
		t.Errorf("the session's calls went to the servers %v", most)
	}
}

// toolCalls is how many calls that offer tools there were.
func (w *workshop) toolCalls(t *testing.T) (n int) {
	t.Helper()
	for _, to := range w.withTools(t, time.Time{}) {
		n += len(to)
	}
	return n
}

// withTools are the servers to which calls that offer tools went since then, by how the calls begin. Agents make others, such as
// for a title or by a subagent.
func (w *workshop) withTools(t *testing.T, since time.Time) map[string][]int {
	t.Helper()
	to := map[string][]int{}
	for i, s := range w.servers {
		for _, r := range s.Requests() {
			if r.Begun.After(since) && len(toolsOf(t, r.Body)) > 0 {
				head := string(r.Body[:min(len(r.Body), 200)])
				to[head] = append(to[head], i)
			}
		}
	}
	return to
}
