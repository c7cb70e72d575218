package apptest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// signIns signs in and out, with what is right and what is wrong, and changes passwords.
func (c *canaries) signIns(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	first, second, third := c.text("a first password"), c.text("a changed password"), c.text("a password that an admin set")
	admin := c.Admin()
	made, err := admin.Users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: "canary@example.com", Password: first, Roles: []string{"user"}})
	must(t, err)
	c.p = &apptest.Person{User: made.GetUser()}
	idempotent := apptest.WithHeader("Idempotency-Key", c.text("an Idempotency-Key"))
	for range 2 {
		_, err = c.As(c.AdminKey, idempotent).Users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: "again@example.com", Password: c.text("a repeated password")})
		must(t, err)
	}
	for name, clients := range map[string]*apptest.Clients{"JSON": c.As(""), "gRPC": c.AsGRPC(""), "gRPC-Web": c.AsGRPCWeb("")} {
		m, err := clients.Auth.Login(ctx, &paddockv1.LoginRequest{Email: c.p.GetEmail(), Password: first})
		must(t, err)
		c.addTokens("a session by "+name, m.GetAccessToken(), m.GetRefreshToken())
		for _, email := range []string{c.p.GetEmail(), "nobody@example.com", "no email"} {
			_, err = clients.Auth.Login(ctx, &paddockv1.LoginRequest{Email: email, Password: c.text("a wrong password")})
			c.refused(t, err)
		}
	}
	_, err = c.As("").Auth.Login(ctx, &paddockv1.LoginRequest{Email: c.text("a password in the field for the email"), Password: "x"})
	c.refused(t, err)
	in := c.Login(t, c.p.GetEmail(), first)
	c.addTokens("a session", in.GetAccessToken(), in.GetRefreshToken())
	out, err := c.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
	must(t, err)
	c.addTokens("a refreshed session", out.GetAccessToken(), out.GetRefreshToken())
	_, err = c.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: "pdr_" + c.text("a refresh token that is none")})
	c.refused(t, err)
	me := c.As(out.GetAccessToken())
	_, err = me.Auth.ChangePassword(ctx, &paddockv1.ChangePasswordRequest{CurrentPassword: c.text("a wrong current password"), NewPassword: c.text("a new password in vain")})
	c.refused(t, err)
	_, err = me.Auth.ChangePassword(ctx, &paddockv1.ChangePasswordRequest{CurrentPassword: first, NewPassword: second})
	must(t, err)
	_, err = admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: c.p.GetId(), Password: third})
	must(t, err)
	_, err = admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: c.p.GetId(), Password: c.text("too long a password") + strings.Repeat("x", 2000)})
	c.refused(t, err)
	c.cookies(t, third)
	c.p.Token = c.Login(t, c.p.GetEmail(), third).GetAccessToken()
	c.addTokens("the last session", c.p.Token, "")
}

// cookies signs in as the web page does.
func (c *canaries) cookies(t *testing.T, password string) {
	t.Helper()
	const service = "/paddock.v1.AuthService/"
	got := c.send(t, http.MethodPost, service+"Login", nil, `{"email":"`+c.p.GetEmail()+`","password":"`+password+`","cookie":true}`)
	cookies := got.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies: %s", len(cookies), got.body)
	}
	c.addTokens("the cookie", "", cookies[0].Value)
	header := http.Header{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}}
	got = c.send(t, http.MethodPost, service+"Refresh", header, "{}")
	for _, cookie := range got.Cookies() {
		c.addTokens("the next cookie", "", cookie.Value)
	}
	c.send(t, http.MethodPost, service+"Refresh", http.Header{"Cookie": {cookies[0].Name + "=" + c.text("a cookie that is none")}}, "{}")
	c.send(t, http.MethodPost, service+"Logout", http.Header{"Authorization": {"Bearer " + c.text("a token that is none")}}, "{}")
}

// keys issues, rotates, uses and revokes API keys, in every header and in places where they do not belong.
func (c *canaries) keys(t *testing.T) {
	t.Helper()
	ctx, me := t.Context(), c.As(c.p.Token)
	issued, err := me.Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{Label: "canary"})
	must(t, err)
	c.addKey("an issued key", issued.GetSecret())
	rotated, err := me.Credentials.RotateCredential(ctx, &paddockv1.RotateCredentialRequest{Id: issued.GetCredential().GetId()})
	must(t, err)
	c.addKey("a rotated key", rotated.GetSecret())
	c.p.Key = rotated.GetSecret()
	revoked, err := me.Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{Label: "revoked"})
	must(t, err)
	c.addKey("a revoked key", revoked.GetSecret())
	_, err = me.Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: revoked.GetCredential().GetId()})
	must(t, err)
	basic := func(key string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+key)) }
	for _, key := range []string{c.p.Key, revoked.GetSecret(), "sk-" + c.text("another service's key")} {
		for _, header := range []http.Header{bearerOf(key), {"X-Api-Key": {key}}, {"Authorization": {basic(key)}}, {"Authorization": {key}}, {"Cookie": {"key=" + key}}} {
			for _, path := range []string{"/api/tags", "/v1/models?key=" + key, "/v1/messages/" + key, "/api/" + key + "/tags", "/" + key, "/paddock.v1.AuthService/WhoAmI?encoding=json&message=%7B%7D&key=" + key} {
				c.send(t, http.MethodGet, path, header, "")
			}
		}
		conn := dial(t, c.App) // a request as it is sent to a proxy
		fmt.Fprintf(conn, "GET http://any:%s@%s/api/tags HTTP/1.1\r\nHost: any:%[1]s@x\r\nAuthorization: %[3]s\r\nConnection: close\r\n\r\n",
			key, strings.TrimPrefix(c.URL, "http://"), basic(key))
		_, err := io.Copy(&c.errors, conn)
		must(t, err)
	}
}

// conversations are requests of each dialect that say a text, by path.
var conversations = map[string]string{
	"/api/chat":            `{"model":"tiny-chat","stream":%t,"messages":[{"role":"system","content":"%[2]s"},{"role":"user","content":"%[2]s"}]}`,
	"/api/generate":        `{"model":"tiny-chat","stream":%t,"prompt":"%[2]s","system":"%[2]s"}`,
	"/v1/chat/completions": `{"model":"tiny-chat","stream":%t,"messages":[{"role":"user","content":"%[2]s"}],"user":"%[2]s","metadata":{"x":"%[2]s"},"prompt_cache_key":"%[2]s"}`,
	"/v1/completions":      `{"model":"tiny-chat","stream":%t,"prompt":"%[2]s"}`,
	"/v1/responses":        `{"model":"tiny-chat","stream":%t,"input":"%[2]s","instructions":"%[2]s"}`,
	"/v1/messages":         `{"model":"tiny-chat","stream":%t,"max_tokens":20,"system":"%[2]s","messages":[{"role":"user","content":"%[2]s"}]}`,
}

// models has models asked and answer in every dialect, and upstreams fail.
func (c *canaries) models(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	quoted, inMidStream := c.text("words of a model in an error"), c.text("words of a model in an error in mid-stream")
	c.told[quoted], c.told[inMidStream] = true, true
	answers := []struct {
		what  string
		steps []ollamatest.Step
	}{
		{"answered", []ollamatest.Step{ollamatest.Say(c.text("an answer"), " and more"), ollamatest.Done("stop", 11, 3)}},
		{"thought", []ollamatest.Step{ollamatest.Think(c.text("a thought")), ollamatest.Call("f", `{"x":"`+c.text("an argument")+`"}`), ollamatest.Done("stop", 11, 3)}},
		{"quoted", []ollamatest.Step{ollamatest.Status(http.StatusInternalServerError, `error parsing tool call: raw='{"x":"`+quoted+`"}', err=invalid character`)}},
		{"quoted late", []ollamatest.Step{ollamatest.Say("a"), ollamatest.Fail(`error parsing tool call: raw='{"x":"it's ` + inMidStream + `"}', err=invalid character`)}},
		{"cut", []ollamatest.Step{ollamatest.Say(c.text("a cut answer")), ollamatest.Cut()}},
		{"no JSON", []ollamatest.Step{ollamatest.Raw(c.text("an answer that is no JSON") + "\n\n")}},
		{"hung", []ollamatest.Step{ollamatest.Hang()}},
	}
	for _, a := range answers {
		what := a.what
		c.Upstream.Script("tiny-chat", a.steps...)
		for path, body := range conversations {
			for _, stream := range []bool{true, false} {
				if what == "hung" && (stream || path != "/api/chat" && path != "/v1/messages") {
					continue // each takes its time
				}
				got := c.send(t, http.MethodPost, path, bearerOf(c.p.Key), fmt.Sprintf(body, stream, c.text("a prompt of "+path+" "+what)))
				if what == "answered" && !strings.Contains(got.body, "Canary") {
					t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
				}
			}
		}
		request := &paddockv1.ChatRequest{Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: c.text("a prompt by RPC " + what)}}}
		for _, clients := range []*apptest.Clients{c.As(c.p.Key), c.AsGRPC(c.p.Key), c.AsGRPCWeb(c.p.Key)} {
			_ = receive(ctx, clients, request)
		}
	}
	c.Upstream.Script("tiny-chat", ollamatest.Answer())
	for path, body := range map[string]string{
		"/api/embed": `{"model":"tiny-embed","input":["%s"]}`, "/api/embeddings": `{"model":"tiny-embed","prompt":"%s"}`, "/v1/embeddings": `{"model":"tiny-embed","input":"%s"}`,
		"/v1/messages/count_tokens": `{"model":"tiny-chat","messages":[{"role":"user","content":"%s"}]}`,
		"/api/show":                 `{"model":"tiny-chat","system":"%s"}`,
	} {
		if got := c.send(t, http.MethodPost, path, bearerOf(c.p.Key), fmt.Sprintf(body, c.text("a text for "+path))); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	_, err := c.As(c.p.Key).Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{c.text("a text to embed")}})
	must(t, err)
	c.Upstream.Script("tiny-chat", ollamatest.Say(c.text("an answer nobody waits for")), ollamatest.Hang())
	left, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	c.refused(t, receive(left, c.As(c.p.Key), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: c.text("an abandoned prompt")}}}))
	c.Upstream.Stop()
	c.each(t, "while the upstream is away")
	c.Upstream.Resume(t)
}

// each asks once in every dialect; the answers do not matter.
func (c *canaries) each(t *testing.T, what string) {
	t.Helper()
	for path, body := range conversations {
		c.send(t, http.MethodPost, path, bearerOf(c.p.Key), fmt.Sprintf(body, true, c.text("a prompt of "+path+" "+what)))
	}
	_ = receive(t.Context(), c.As(c.p.Key), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: c.text("a prompt by RPC " + what)}}})
}

// brokenRequests sends secrets and prompts where the server cannot read them as such.
func (c *canaries) brokenRequests(t *testing.T) {
	t.Helper()
	key, admin := bearerOf(c.p.Key), bearerOf(c.AdminKey)
	for path := range conversations {
		for _, body := range []string{
			`{"model":"tiny-chat","messages":[{"role":"user","content":"%s"}]`, `{"model":"tiny-chat","messages":"%s"}`, `{"model":"a b %s"}`, `{"model":{"x":"%s"}}`, `%s`, `["%s"]`,
			`{"model":"tiny-chat","temperature":"%s"}`, `{"model":"tiny-chat","messages":[{"role":"%s","content":"x"}]}`,
			`{"model":"tiny-chat","prompt":"%s` + "\x01" + `"}`, `{"model":"tiny-chat","prompt":"%s` + "\xff" + `"}`, `{"model":"tiny-chat","messages":[],"keep_alive":"%s"}`,
		} {
			c.send(t, http.MethodPost, path, key, fmt.Sprintf(body, c.text("a prompt in "+body)))
		}
	}
	for procedure, bodies := range map[string][]string{
		"AuthService/Login": {
			`{"email":"a@example.com","password":%s}`, `{"email":"a@example.com","password":["%s"]}`, `{"email":"a@example.com","passwort":"%s"}`,
			`{"email":"a@example.com","password":"%s\u0000"}`, `{"password":"%s`, `{"password":"%s","cookie":"maybe"}`, `{"password":"%s\q"}`, `{"cookie":"%s"}`,
		},
		"AuthService/Refresh":        {`{"refresh_token":{"x":"%s"}}`, `{"refreshToken":"%s"}{}`, `{"refresh_token":%s}`},
		"AuthService/ChangePassword": {`{"current_password":"%s","new_password":"short"}`, `{"current_password":"%s","newPassword":7}`},
		"UserService/CreateUser":     {`{"email":"canary@example.com","password":"%s"}`, `{"email":"nothing","password":"%s"}`, `{"email":"x@example.com","password":"%s","roles":["root"]}`},
		"UserService/SetPassword":    {`{"user_id":"nobody","password":"%s"}`, `{"user_id":"0190b5a0-0000-7000-8000-000000000000","password":"%s"}`},
		"OllamaService/Embed":        {`{"input":"%s"}`, `{"input":[{"x":"%s"}]}`, `{"model":"tiny-embed","input":["%s"],"nonsense":1}`},
	} {
		for _, body := range bodies {
			c.send(t, http.MethodPost, "/paddock.v1."+procedure, admin, fmt.Sprintf(body, c.text("a secret in "+body)))
		}
	}
}

// panics has handlers panic that hold a password.
func (c *canaries) panics(t *testing.T) {
	t.Helper()
	const agent = "a client that makes the server panic"
	c.Store.User.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, query ent.Query) (ent.Value, error) {
			if caller.From(ctx).UserAgent == agent {
				var none []int
				_ = none[len(ctx.Err().Error())] // nil
			}
			return next.Query(ctx, query)
		})
	}))
	header := bearerOf(c.AdminKey)
	header.Set("User-Agent", agent)
	for path, body := range map[string]string{
		"/paddock.v1.AuthService/Login":      `{"email":"canary@example.com","password":"` + c.text("a password in a panic") + `"}`,
		"/paddock.v1.UserService/CreateUser": `{"email":"panic@example.com","password":"` + c.text("a new password in a panic") + `"}`,
		"/paddock.v1.UserService/ListUsers":  `{}`,
	} {
		c.send(t, http.MethodPost, path, header, body)
	}
}

// databaseAway signs in and asks while the database is away.
func (c *canaries) databaseAway(t *testing.T) {
	t.Helper()
	back := func() { must(t, c.cluster.Start(t.Context())) }
	if strings.HasPrefix(c.Database, "sqlite://") {
		back = lockSQLite(t, c.Database, "BEGIN IMMEDIATE")
	} else {
		must(t, c.cluster.Stop())
	}
	prompt := `{"model":"tiny-chat","messages":[{"role":"user","content":"` + c.text("a prompt while the database is away") + `"}]}`
	var asking sync.WaitGroup // the file may hold each for seconds
	asking.Go(func() { c.send(t, http.MethodPost, "/v1/chat/completions", bearerOf(c.p.Key), prompt) })
	_, err := c.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: c.p.GetEmail(), Password: c.text("a password while the database is away")})
	c.refused(t, err)
	back()
	asking.Wait()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := c.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
