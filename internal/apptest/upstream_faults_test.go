package apptest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/usage"
)

// TestFaults_Upstream has an upstream answer what is no answer, over every route: that is told as an error in time, costs what it has
// produced, is asked for once, and leaves the next call alone.
func TestFaults_Upstream(t *testing.T) {
	t.Parallel()
	env := apptest.Env{"OLLAMA_MAX_INFLIGHT": "1", "DEFAULT_TOKENS_PER_DAY": "10000000"}
	eachOnWire(t, env, wireFaultOf, func(t *testing.T, a *apptest.App, w *wire) {
		wantFaults(t, a, w, 5*time.Second, func(fault, _ string) bool {
			return !strings.Contains(fault, "silence") && !strings.Contains(fault, "trickles")
		})
	})
}

// TestFaults_UpstreamSilent is TestFaults_Upstream of upstreams that keep the caller waiting. What answers whole, which may take
// six times as long to begin, is tried with PADDOCK_PROOF=full, and so are gRPC and PostgreSQL.
func TestFaults_UpstreamSilent(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"silence", "silence after the header", "silence in the middle", "a header that trickles"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Those who are answered at once are under the same limits, however busy the machine is.
			env := apptest.Env{"OLLAMA_FIRST_TOKEN_TIMEOUT": "1500ms", "OLLAMA_IDLE_TIMEOUT": "1500ms", "OLLAMA_MAX_INFLIGHT": "1"}
			if !fullProof() {
				w := newWire(t, wireFaultOf)
				env["OLLAMA_BASE_URL"] = "http://" + w.Addr().String()
				wantFaults(t, apptest.Start(t, storetest.SQLite(t), env), w, 5*time.Second, func(fault, route string) bool {
					return fault == name && !isWhole(route) && !strings.Contains(route, "gRPC")
				})
				return
			}
			eachOnWire(t, env, wireFaultOf, func(t *testing.T, a *apptest.App, w *wire) {
				wantFaults(t, a, w, 15*time.Second, func(fault, _ string) bool { return fault == name })
			})
		})
	}
}

// wantFaults fails the test unless what is promised holds for those of wireFaults that are wanted over a route, and each call is told of
// its fault in time.
func wantFaults(t *testing.T, a *apptest.App, w *wire, inTime time.Duration, wanted func(fault, route string) bool) {
	t.Helper()
	p := a.NewPerson(t, "user")
	costs := map[string]spent{}
	for i, f := range wireFaults {
		n := 0
		for name, call := range faultRoutes(t, a, p.Key) {
			want := f.wantOf(name)
			if want == "" || !wanted(f.name, name) {
				continue
			}
			n++
			model := fmt.Sprintf("fault-%d-%d:latest", i, n)
			begun := time.Now()
			came, detail := call(model)
			took := time.Since(begun)
			if came != want || took > inTime {
				t.Errorf("%s, %s: %s after %v: %v; want %s", f.name, name, came, took, detail, want)
			}
			if asked := w.times(model); asked != 1 {
				t.Errorf("%s, %s: asked for %d times", f.name, name, asked)
			}
			if came, detail := call("good"); came != wholeCall {
				t.Errorf("%s, %s: the next call is %s: %v", f.name, name, came, detail)
			}
			costs[model] = costOf(name, want)
			costs["good:latest"] = costs["good:latest"].and(costOf(name, wholeCall))
		}
	}
	wantFaultsSettled(t, a, p, costs)
}

// spent is what calls have cost.
type spent struct{ calls, prompt, completion int64 }

func (s spent) and(more spent) spent {
	return spent{s.calls + more.calls, s.prompt + more.prompt, s.completion + more.completion}
}

// costOf returns what a call by the route costs of which that came.
func costOf(route, came string) spent {
	switch {
	case came == wholeCall && strings.Contains(route, "mbed"):
		return spent{1, 7, 0}
	case came == wholeCall:
		return spent{1, 7, 3}
	case came == brokenCall && strings.HasPrefix(route, "Chat"):
		return spent{1, usage.Estimate(len("a call")), 1} // a piece counts as a token
	case came == brokenCall: // the gateway does not look into messages
		return spent{1, usage.Estimate(len(`[{"role":"user","content":"a call"}]`)), 1}
	}
	return spent{calls: 1}
}

// wantFaultsSettled fails the test unless the calls of each model are settled for what they cost, and no others.
func wantFaultsSettled(t *testing.T, a *apptest.App, p *apptest.Person, costs map[string]spent) {
	t.Helper()
	if n := unsettled(a); n != 0 {
		t.Errorf("%d calls are not settled", n)
	}
	m, err := a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{GroupBy: []string{"model"}})
	must(t, err)
	for _, row := range m.GetRows() {
		got := spent{row.GetRequests(), row.GetPromptTokens(), row.GetCompletionTokens()}
		if want := costs[row.GetModel()]; got != want {
			var i int
			_, _ = fmt.Sscanf(row.GetModel(), "fault-%d-", &i)
			t.Errorf("%s of %q: costs %v, want %v", row.GetModel(), wireFaults[i].name, got, want)
		}
	}
	if len(m.GetRows()) != len(costs) {
		t.Errorf("calls of %d models are settled, want %d", len(m.GetRows()), len(costs))
	}
}

// TestFaults_UpstreamRedirect: nothing of a call is sent to where an upstream redirects it.
func TestFaults_UpstreamRedirect(t *testing.T) {
	t.Parallel()
	var followed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	moved := func(model string) func(*exchange) {
		var status int
		if n, _ := fmt.Sscanf(model, "moved-%d:", &status); n != 1 {
			return nil
		}
		return func(x *exchange) {
			x.write(fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s/api/chat\r\nContent-Length: 0\r\n\r\n", status, elsewhere.URL))
		}
	}
	eachOnWire(t, nil, moved, func(t *testing.T, a *apptest.App, _ *wire) {
		for name, call := range faultRoutes(t, a, a.AdminKey) {
			for _, status := range []int{301, 302, 303, 307, 308} {
				if came, detail := call(fmt.Sprintf("moved-%d", status)); came != refusedCall {
					t.Errorf("%d, %s: %s: %v", status, name, came, detail)
				}
			}
		}
	})
	if n := followed.Load(); n > 0 {
		t.Errorf("followed %d times", n)
	}
}

// TestFaults_UpstreamClosesIdle has an upstream close connections when the next call comes on them: a call that the upstream has read is
// not sent again.
func TestFaults_UpstreamClosesIdle(t *testing.T) {
	t.Parallel()
	cut := func(model string) func(*exchange) {
		if !strings.HasPrefix(model, "cut") {
			return nil
		}
		return func(*exchange) {} // the request was read
	}
	eachOnWire(t, nil, cut, func(t *testing.T, a *apptest.App, w *wire) {
		n := 0
		for name, call := range faultRoutes(t, a, a.AdminKey) {
			if came, detail := call("good"); came != wholeCall { // which leaves a connection
				t.Errorf("%s: %s: %v", name, came, detail)
			}
			n++
			model := fmt.Sprintf("cut-%d:latest", n)
			if came, detail := call(model); came != refusedCall {
				t.Errorf("%s: %s: %v", name, came, detail)
			}
			if asked := w.times(model); asked != 1 {
				t.Errorf("%s: sent %d times", name, asked)
			}
		}
	})
}

// TestFaults_UpstreamRestarts kills an upstream between calls, whose connections then are dead: the next calls find it out by themselves.
// One of them may have gone out on a connection that was just being closed, and is refused.
func TestFaults_UpstreamRestarts(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		const openAI = `{"model":"tiny-chat","stream":true,"messages":[{"role":"user","content":"hi"}]}`
		for round := range 5 {
			mayFail := round > 0
			for range 3 {
				for name, call := range map[string]func() error{
					"by RPC":              func() error { return chatWith(t, a, p.Key, "tiny-chat") },
					"through the gateway": func() error { return postAll(t.Context(), a, p.Key, "/v1/chat/completions", openAI) },
				} {
					err := call()
					if err != nil && mayFail && (apptest.Reason(err) == apierr.UpstreamUnavailable || strings.HasPrefix(err.Error(), "503")) {
						mayFail = false
						err = call()
					}
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			a.Upstream.Stop()
			a.Upstream.Resume(t)
			time.Sleep(50 * time.Millisecond) // in which all connections are noticed to be closed, but for a busy machine
		}
	})
}

// TestFaults_UpstreamHangUps: clients that hang up, at whatever moment and however many, do not speak against the upstream.
func TestFaults_UpstreamHangUps(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		a.Upstream.Script("tiny-think", ollamatest.Hang())
		for i := range 60 {
			way := []string{"/api/chat", "/v1/messages", "gRPC", "Connect"}[i%4]
			model := []string{"tiny-think", "tiny-slow"}[i/4%2]
			u := beginUnread(t.Context(), t, a, way, p.Key, model)
			time.Sleep(time.Duration(i%10) * time.Millisecond)
			u.leave()
		}
		begun := time.Now()
		if err := chatWith(t, a, p.Key, "tiny-chat"); err != nil || time.Since(begun) > promptly {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		metrics := send(t, http.MethodGet, a.URL+"/metrics", nil, "").body
		for line := range strings.Lines(metrics) {
			if strings.HasPrefix(line, "paddock_upstream_silent_models{") && !strings.HasSuffix(line, " 0\n") || strings.HasPrefix(line, "paddock_upstream_up{") && !strings.HasSuffix(line, " 1\n") {
				t.Error(line)
			}
		}
		if err := unsettled(a); err != 0 {
			t.Errorf("%d calls are not settled", err)
		}
		m, err := a.As(p.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{})
		must(t, err)
		if day := m.GetQuota().GetDay(); day.GetReserved() != 0 {
			t.Errorf("reserved: %v", day)
		}
	})
}

// unsettled waits for the calls to be settled, and returns how many are not.
func unsettled(a *apptest.App) (n int) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if n = a.Unsettled(); n == 0 {
			return 0
		}
	}
	return n
}

// unnoticed is how long calls of other users may take: a second with PADDOCK_PROOF=full, more where other tests run beside this one.
func unnoticed() time.Duration {
	if fullProof() {
		return time.Second
	}
	return 5 * time.Second
}
