package apptest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestBodyLimit_EveryService sends each service a body that is as large as allowed, and one byte more, with and without a
// Content-Length.
func TestBodyLimit_EveryService(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	for _, c := range []struct {
		procedure string
		most      int
	}{
		{paddockv1connect.AuthServiceLoginProcedure, 16 << 10},
		{paddockv1connect.AuthServiceWhoAmIProcedure, 16 << 10},
		{paddockv1connect.UserServiceListUsersProcedure, 64 << 10},
		{paddockv1connect.CredentialServiceListCredentialsProcedure, 64 << 10},
		{paddockv1connect.AuditServiceListAuditEntriesProcedure, 64 << 10},
		{paddockv1connect.OllamaServiceEmbedProcedure, 4 << 20},
	} {
		for _, chunked := range []bool{false, true} {
			for _, over := range []int{0, 1} {
				body := "{" + strings.Repeat(" ", c.most+over-2) + "}"
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+c.procedure, strings.NewReader(body))
				must(t, err)
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+a.AdminKey)
				if chunked {
					req.Body, req.ContentLength = io.NopCloser(io.LimitReader(req.Body, 1<<30)), -1
				}
				res, err := http1.Do(req)
				must(t, err)
				answer, err := io.ReadAll(res.Body)
				must(t, err)
				res.Body.Close()
				if refused := strings.Contains(string(answer), "MESSAGE_TOO_LARGE"); refused != (over == 1) {
					t.Errorf("%s, %d bytes over, chunked %t: %d %s", c.procedure, over, chunked, res.StatusCode, answer)
				}
			}
		}
	}
}

// TestBodyLimit_EveryProtocol checks the error of a body that is too large in every protocol. The body never ends: it is
// neither read nor kept.
func TestBodyLimit_EveryProtocol(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	large := bytes.Repeat([]byte{'x'}, 70_000)
	for _, p := range []protocol{connectJSON, connectProto, grpcProto, grpcWebProto} {
		_, _, err := p.call(t.Context(), a, methodOf(t, paddockv1connect.AuthServiceWhoAmIProcedure), bearerOf(a.AdminKey), large)
		apptest.WantReason(t, err, apierr.MessageTooLarge)
		wantToldProperly(t, err)
	}
	for _, client := range []*http.Client{http1, http2} {
		for _, kind := range []string{"application/json", "application/grpc", "application/grpc-web"} {
			// Health and reflection are outside of the door, and for everybody.
			for _, path := range []string{paddockv1connect.AuthServiceLoginProcedure, "/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"} {
				endless := &endlessBody{prefix: []byte{0, 0xff, 0xff, 0xff, 0xff}}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+path, endless)
				must(t, err)
				req.Header.Set("Content-Type", kind)
				if res, err := client.Do(req); err == nil { // or cut off
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				if endless.read.Load() > 16<<20 {
					t.Errorf("%s, %s: %d bytes were taken", path, kind, endless.read.Load())
				}
			}
		}
	}
}

// endlessBody announces 4 GiB and keeps sending.
type endlessBody struct {
	prefix []byte
	read   atomic.Int64 // by the client's own goroutine, which may go on after the answer
}

func (b *endlessBody) Read(p []byte) (int, error) {
	n := copy(p, b.prefix)
	b.prefix = b.prefix[n:]
	if n == 0 {
		n = len(p)
	}
	if b.read.Add(int64(n)) > 64<<20 {
		return 0, io.EOF
	}
	return n, nil
}

// TestRPC_CompressedRequest checks that compressed requests are refused without being expanded.
func TestRPC_CompressedRequest(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	for _, p := range []protocol{connectJSON, connectProto, grpcProto, grpcWebProto} {
		p.option = connect.WithClientOptions(p.option, connect.WithSendGzip())
		for _, m := range []rpc{methodOf(t, paddockv1connect.AuthServiceWhoAmIProcedure), methodOf(t, paddockv1connect.OllamaServiceChatProcedure)} {
			_, _, err := p.call(t.Context(), a, m, bearerOf(a.AdminKey), bytes.Repeat([]byte("{ "), 1<<20))
			if got, want := verdictOf(err), refused(connect.CodeUnimplemented, apierr.InvalidArgument); got != want {
				t.Errorf("%s over %s: %q, want %q (%v)", m.Name(), p.name, got, want, err)
			}
		}
	}
	// A frame that says so of itself, and other frames that are none.
	for name, body := range map[string]string{
		"compressed": "\x01\x00\x00\x00\x02{}", "too short": "\x00\x00", "empty": "", "half": "\x00\x00\x00\x00\x09{}",
		"two": "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "huge": "\x00\xff\xff\xff\xff", "trailer": "\x80\x00\x00\x00\x00",
	} {
		for _, kind := range []string{"application/grpc-web+proto", "application/grpc-web+json", "application/grpc"} {
			header := bearerOf(a.AdminKey)
			header.Set("Content-Type", kind)
			got := send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceWhoAmIProcedure, header, body)
			status := got.Header.Get("Grpc-Status") + got.Trailer.Get("Grpc-Status")
			details, err := base64.RawStdEncoding.DecodeString(got.Header.Get("Grpc-Status-Details-Bin") + got.Trailer.Get("Grpc-Status-Details-Bin"))
			if status != "3" || err != nil || !bytes.Contains(details, []byte("INVALID_ARGUMENT")) {
				t.Errorf("%s as %s: status %q, details %q, %v", name, kind, status, details, err)
			}
		}
	}
}

// TestRPC_InvalidHeadersAndQuery checks that invalid headers and query parameters are invalid arguments, with violations
// like those of a message.
func TestRPC_InvalidHeadersAndQuery(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	const get, post = http.MethodGet, http.MethodPost
	for _, c := range []struct {
		method, query, header, value, body string
		field                              string // of the violation
	}{
		{get, "", "", "", "", "encoding"},
		{get, "?encoding=yaml&message=%7B%7D", "", "", "", "encoding"},
		{get, "?encoding=json", "", "", "", "message"},
		{get, "?encoding=json&message=%7B", "", "", "", ""},
		{get, "?encoding=json&base64=1&message=%7B", "", "", "", "message"},
		{get, "?encoding=json&base64=1&message=A", "", "", "", "message"},
		{get, "?encoding=json&message=%7B%7D&connect=v9", "", "", "", "connect"},
		{post, "", "Connect-Timeout-Ms", "soon", "{}", "Connect-Timeout-Ms"},
		{post, "", "Connect-Timeout-Ms", "-1", "{}", "Connect-Timeout-Ms"},
		{post, "", "Connect-Timeout-Ms", "99999999999", "{}", "Connect-Timeout-Ms"},
		{post, "", "Connect-Protocol-Version", "9", "{}", "Connect-Protocol-Version"},
		{post, "", "Grpc-Timeout", "1", "{}", "grpc-timeout"},
		{post, "", "Grpc-Timeout", "S", "{}", "grpc-timeout"},
		{post, "", "Grpc-Timeout", "123456789S", "{}", "grpc-timeout"},
	} {
		header := bearerOf(a.AdminKey)
		if c.header != "" {
			header.Set(c.header, c.value)
		}
		got := send(t, c.method, a.URL+paddockv1connect.AuthServiceWhoAmIProcedure+c.query, header, c.body)
		violation := `"debug":{"fieldViolations":[{"description":`
		if c.field != "" {
			violation = `"debug":{"fieldViolations":[{"field":"` + c.field + `","description":`
		}
		body := strings.ReplaceAll(got.body, " ", "")
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(body, "INVALID_ARGUMENT") || !strings.Contains(body, violation) {
			t.Errorf("%s %s %s %q: %d %s", c.method, c.query, c.header, c.value, got.StatusCode, got.body)
		}
	}
	// Media types know no case.
	compressed := bearerOf(a.AdminKey)
	compressed.Set("Content-Type", "Application/Connect+JSON")
	if got := send(t, post, a.URL+paddockv1connect.OllamaServiceChatProcedure, compressed, "\x01\x00\x00\x00\x02{}"); !strings.Contains(got.body, `"code":"invalid_argument"`) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	for _, query := range []string{"?encoding=json&message=%7B%7D", "?encoding=json&base64=1&message=e30", "?encoding=json&base64=1&message=e30%3D", "?encoding=proto&message=&connect=v1"} {
		if got := send(t, get, a.URL+paddockv1connect.AuthServiceWhoAmIProcedure+query, bearerOf(a.AdminKey), ""); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", query, got.StatusCode, got.body)
		}
	}
}

func TestRateLimit_Headers(t *testing.T) {
	t.Parallel()
	const perMinute = 5
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"RATE_LIMIT_PER_MINUTE": strconv.Itoa(perMinute)})
	for _, p := range []protocol{connectJSON, grpcProto, grpcWebProto} {
		t.Run(p.name, func(t *testing.T) {
			ctx := t.Context()
			// An admin's user, made by the first admin, would cost the first admin's calls.
			credential := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
			m, empty := methodOf(t, paddockv1connect.OllamaServiceListModelsProcedure), map[string][]byte{"json": []byte("{}")}[p.codec]
			served, refused := 0, 0
			var last *connect.Error
			for range perMinute + 2 {
				_, header, err := p.call(ctx, a, m, bearerOf(credential), empty)
				limit, remaining, reset := header.Get("X-RateLimit-Limit"), number(t, header, "X-RateLimit-Remaining"), number(t, header, "X-RateLimit-Reset")
				if limit != strconv.Itoa(perMinute) || remaining > max(0, perMinute-1-served) || reset < 1 || reset > 60 {
					t.Errorf("limit %q, remaining %d, reset %d after %d", limit, remaining, reset, served)
				}
				if err == nil {
					served++
					continue
				}
				refused++
				wantToldProperly(t, err)
				apptest.WantReason(t, err, apierr.RateLimited)
				last, _ = err.(*connect.Error) //nolint:errorlint // clients return nothing else
			}
			if p.name == connectJSON.name && (served != perMinute || refused != 2) {
				t.Errorf("%d served and %d refused, want %d and 2", served, refused, perMinute)
			}
			if last == nil || last.Code() != connect.CodeResourceExhausted {
				t.Fatalf("last error %v", last)
			}
			if wait := number(t, last.Meta(), "Retry-After"); wait < 1 || wait > 60/perMinute {
				t.Errorf("Retry-After %d, a request comes back every %d s", wait, 60/perMinute)
			}
			// The AuthService is never limited, and tells the same state.
			for range 2 * perMinute {
				who, err := a.As(credential).Auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
				must(t, err)
				if r := who.GetRateLimit(); r.GetLimit() != perMinute || r.GetRemaining() > 1 || r.GetResetSeconds() < 1 || r.GetResetSeconds() > 60 {
					t.Errorf("WhoAmI tells %v", r)
				}
			}
		})
	}
}

// TestRateLimit_ConcurrentCalls checks that concurrent calls do not exceed the rate limit. A limiter that looks and then
// takes lets more through.
func TestRateLimit_ConcurrentCalls(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{20, 240} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) { raceForRateLimit(t, limit) })
	}
}

func raceForRateLimit(t *testing.T, limit int) {
	t.Helper()
	apptest.EachWith(t, apptest.Env{"RATE_LIMIT_PER_MINUTE": strconv.Itoa(limit)}, func(t *testing.T, a *apptest.App) {
		replicas := []*apptest.App{a}
		if !a.Store.Embedded() {
			replicas = append(replicas, a.Replica(t), a.Replica(t))
		}
		began := time.Now()
		var served atomic.Int64
		var racers sync.WaitGroup
		for i := range 3 * limit {
			racers.Go(func() {
				ask := func() error {
					_, err := replicas[i%len(replicas)].Admin().Users.ListRoles(context.Background(), &paddockv1.ListRolesRequest{})
					return err
				}
				err := ask()
				for apptest.Reason(err) == apierr.DatabaseUnavailable { // so many at once on a small machine
					err = ask()
				}
				if err == nil {
					served.Add(1)
				} else if apptest.Reason(err) != apierr.RateLimited {
					t.Error(err)
				}
			})
		}
		racers.Wait()
		back := int64(time.Since(began).Seconds()*float64(limit)/60) + 1 // that may have come back meanwhile
		if n := served.Load(); n < int64(limit) || n > int64(limit)+back {
			t.Errorf("%d calls served of %d", n, limit)
		}
	})
}

// TestRateLimit_PerUser checks that a limit of the user's own holds from the next call on.
func TestRateLimit_PerUser(t *testing.T) {
	t.Parallel()
	apptest.EachWith(t, apptest.Env{"RATE_LIMIT_PER_MINUTE": "600"}, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		count := func() (n int) {
			for range 10 {
				if _, err := a.As(p.Key).Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{}); err == nil {
					n++
				}
			}
			return n
		}
		for _, limit := range []int32{2, 0, 1} { // 0 is none
			_, err := a.Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: p.GetId(), RequestsPerMinute: &limit})
			must(t, err)
			a.Exec(t, `DELETE FROM rate_buckets WHERE id = $1`, uuid.MustParse(p.GetId()))
			want := int(limit)
			if limit == 0 {
				want = 10
			}
			if n := count(); n != want {
				t.Errorf("%d calls served, the limit is %d", n, limit)
			}
		}
	})
}

func TestRateLimit_NoLimit(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	_, header, err := connectJSON.call(t.Context(), a, methodOf(t, paddockv1connect.OllamaServiceListModelsProcedure), bearerOf(a.AdminKey), []byte("{}"))
	must(t, err)
	who, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	must(t, err)
	if header.Get("X-RateLimit-Limit") != "" || who.GetRateLimit() != nil {
		t.Errorf("headers %v, WhoAmI %v", header, who)
	}
}

func number(t testing.TB, header http.Header, name string) int {
	t.Helper()
	n, err := strconv.Atoi(header.Get(name))
	if err != nil {
		t.Errorf("%s is %q", name, header.Get(name))
	}
	return n
}
