package apptest_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// placeholder stands in a message for a text that no encoder would write. As many bytes as each of those.
const placeholder = "PLACEHOLDER!"

// hostile is a text to put in every field.
type hostile struct {
	name   string
	text   string // as an encoder writes it
	json   string // instead: what stands between the quotes of a JSON string
	binary string // instead: the bytes of a protobuf string
	want   verdict
}

var badText = refused(connect.CodeInvalidArgument, apierr.InvalidArgument)

var hostileTexts = []hostile{
	{name: "NUL", text: "a\x00b", want: badText},
	{name: "NUL alone", text: "\x00", want: badText},
	{name: "invalid UTF-8", json: "ab\xff\xfe", binary: "a\xff\xfe\xc0\x80\xed\xa0\x80bcde", want: badText},
	{name: "cut rune", json: "\xe2\x82", binary: "aaaaaaaaaa\xe2\x82", want: badText},
	{name: "lone surrogate", json: `\ud800`, want: badText},
	{name: "reversed surrogates", json: `\udc00\ud800`, want: badText},
	{name: "escaped NUL", json: `\u0000`, want: badText},
	{name: "1 MiB", text: strings.Repeat("A", 1<<20)},
	{name: "RTL override", text: "\u202egnp.exe\u2066"},
	{name: "newline", text: "first\r\nSet-Cookie: a=b\nthird"},
	{name: "unicode", text: "🧑‍🧑‍🧒 " + strings.Repeat("e\u0301", 40) + " ﷽ \uFFFD \uFFFF \U0010FFFF"},
	{name: "SQL", text: `'; DROP TABLE users; --`},
	{name: "SQL wildcard", text: `%_\`},
	{name: "template", text: `{{.}}${x}%s%n<script>alert(1)</script>`},
}

// body is the message with the text in the field, in the codec; ok is false when there is no such text there.
func (h hostile) body(codec string, m proto.Message, set func(proto.Message, string)) (body []byte, ok bool) {
	text := h.text
	if text == "" {
		text = placeholder
	}
	set(m, text)
	switch codec {
	case "json":
		b, err := protojson.Marshal(m)
		if h.json != "" {
			b = bytes.ReplaceAll(b, []byte(placeholder), []byte(h.json))
		}
		return b, err == nil && (h.text != "" || h.json != "")
	default:
		b, err := proto.Marshal(m)
		if h.binary != "" {
			b = bytes.ReplaceAll(b, []byte(placeholder), []byte(h.binary))
		}
		return b, err == nil && (h.text != "" || h.binary != "")
	}
}

// textField is a field that holds text, somewhere in a message.
type textField struct {
	path string
	set  func(m protoreflect.Message, text string)
}

// textFields are those of the message and of the messages in it.
func textFields(d protoreflect.MessageDescriptor) []textField {
	var all []textField
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		name := string(f.Name())
		switch {
		case f.Kind() == protoreflect.StringKind && f.IsList():
			all = append(all, textField{name + "[0]", func(m protoreflect.Message, text string) {
				list := m.NewField(f)
				list.List().Append(protoreflect.ValueOfString(text))
				m.Set(f, list)
			}})
		case f.Kind() == protoreflect.StringKind:
			all = append(all, textField{name, func(m protoreflect.Message, text string) {
				m.Set(f, protoreflect.ValueOfString(text))
			}})
		case f.Message() == nil || f.Message().FullName() == "google.protobuf.Timestamp":
		case f.Message().FullName() == "google.protobuf.Value":
			all = append(all, textField{name + "[0]", func(m protoreflect.Message, text string) {
				value := m.Mutable(f).List().AppendMutable().Message()
				value.Set(value.Descriptor().Fields().ByName("string_value"), protoreflect.ValueOfString(text))
			}})
		default:
			for _, inner := range textFields(f.Message()) {
				all = append(all, textField{name + "." + inner.path, func(m protoreflect.Message, text string) {
					if !f.IsList() {
						inner.set(m.Mutable(f).Message(), text)
						return
					}
					list := m.Mutable(f).List()
					if list.Len() == 0 {
						list.AppendMutable()
					}
					inner.set(list.Get(0).Message(), text)
				}})
			}
		}
	}
	return all
}

// valid returns requests that would be served, so that the hostile text alone is judged.
func valid(t *testing.T, a *apptest.App) func(m rpc) proto.Message {
	t.Helper()
	victim := a.NewPerson(t, "user")
	sessions, err := a.As(victim.Token).Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{})
	must(t, err)
	n := 0
	return func(m rpc) proto.Message {
		n++
		switch string(m.Name()) {
		case "Login":
			return &paddockv1.LoginRequest{Email: victim.GetEmail(), Password: victim.Password}
		case "ChangePassword":
			return &paddockv1.ChangePasswordRequest{CurrentPassword: apptest.AdminPassword, NewPassword: apptest.AdminPassword}
		case "RevokeSession":
			return &paddockv1.RevokeSessionRequest{Id: sessions.GetSessions()[0].GetId()}
		case "CreateUser":
			return &paddockv1.CreateUserRequest{Email: fmt.Sprintf("made%d@example.com", n), Password: "a password of theirs"}
		case "GetUser", "UpdateUser", "DeleteUser":
			r := dynamicpb.NewMessage(m.Input())
			r.Set(m.Input().Fields().ByName("id"), protoreflect.ValueOfString(victim.GetId()))
			return r
		case "SetPassword":
			return &paddockv1.SetPasswordRequest{UserId: victim.GetId(), Password: "a password of theirs"}
		case "IssueApiKey":
			return &paddockv1.IssueApiKeyRequest{UserId: victim.GetId(), Label: "hostile"}
		case "RevokeCredential", "RotateCredential":
			r := dynamicpb.NewMessage(m.Input())
			r.Set(m.Input().Fields().ByName("id"), protoreflect.ValueOfString(victim.KeyID))
			return r
		case "Chat":
			return &paddockv1.ChatRequest{Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}}
		case "Embed":
			return &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"hi"}}
		}
		return dynamicpb.NewMessage(m.Input())
	}
}

// TestHostileText puts every hostile text into every text field of every request: it is refused or served, never a server
// error, and alike on both databases.
func TestHostileText(t *testing.T) {
	t.Parallel()
	verdicts := map[string]map[string]verdict{} // database, case
	storetest.Each(t, func(t *testing.T, url string) {
		a := apptest.Start(t, url, apptest.Env{"TRUSTED_PROXIES": "127.0.0.0/8"})
		verdicts[t.Name()] = hostileVerdicts(t, a)
		if people, err := a.Admin().Users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{PageSize: 200}); err != nil || len(people.GetUsers()) < 3 {
			t.Errorf("users afterwards: %v, %v", people, err)
		}
		if n := len(allEntries(t, a, "")); n < 100 {
			t.Errorf("%d audit entries afterwards", n)
		}
	})
	lite, post := verdicts[t.Name()+"/sqlite"], verdicts[t.Name()+"/postgres"]
	if len(lite) < 400 {
		t.Errorf("only %d cases", len(lite))
	}
	for name, want := range lite {
		if got := post[name]; got != want && post != nil {
			t.Errorf("%s: %q on SQLite, %q on PostgreSQL", name, want, got)
		}
	}
}

func hostileVerdicts(t *testing.T, a *apptest.App) map[string]verdict {
	t.Helper()
	verdicts := map[string]verdict{}
	token := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
	base := valid(t, a)
	n := 0
	for _, m := range methods(t) {
		for _, field := range textFields(m.Input()) {
			for _, h := range hostileTexts {
				for _, p := range []protocol{connectJSON, grpcProto} {
					body, ok := h.body(p.codec, base(m), func(m proto.Message, s string) { field.set(m.ProtoReflect(), s) })
					if !ok {
						continue
					}
					header := bearerOf(token)
					n++ // each from an address of its own, so that no throttle has a say
					header.Set("X-Forwarded-For", fmt.Sprintf("10.1.%d.%d", n/250, n%250))
					_, _, err := p.call(t.Context(), a, m, header, body)
					name := fmt.Sprintf("%s.%s = %s over %s", m.Name(), field.path, h.name, p.name)
					verdicts[name] = verdictOf(err)
					wantToldProperly(t, err)
					want := h.want
					if strings.Contains(h.name, "NUL") && m.Parent().FullName() == paddockv1connect.OllamaServiceName && field.path != "model" {
						want = "" // models may be given any character
					}
					if h.name == "1 MiB" && m.Parent().FullName() != paddockv1connect.OllamaServiceName {
						want = refused(connect.CodeResourceExhausted, apierr.MessageTooLarge)
					}
					if want != "" && verdicts[name] != want {
						t.Errorf("%s: %q, want %q (%v)", name, verdicts[name], want, err)
					}
				}
			}
		}
	}
	return verdicts
}

// TestRPC_UnknownField checks that every RPC refuses unknown fields and names them, by whichever protocol JSON comes: a misspelt
// "active" must not be dropped silently, and neither must a misspelt filter, or the call answers everything.
func TestRPC_UnknownField(t *testing.T) {
	t.Parallel()
	grpcJSON, grpcWebJSON := grpcProto, grpcWebProto
	grpcJSON.name, grpcJSON.codec = "grpc+json", "json"
	grpcWebJSON.name, grpcWebJSON.codec = "grpc-web+json", "json"
	a := apptest.Start(t, storetest.SQLite(t), nil)
	token := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
	for _, m := range methods(t) {
		for _, p := range []protocol{connectJSON, grpcJSON, grpcWebJSON} {
			_, _, err := p.call(t.Context(), a, m, bearerOf(token), []byte(`{"actve":false}`))
			if got := fieldOf(err); got != "actve" {
				t.Errorf("%s, %s: named %q (%v)", m.FullName(), p.name, got, err)
			}
		}
		if m.sideEffects() || m.IsStreamingServer() {
			continue
		}
		got := send(t, http.MethodGet, a.URL+m.procedure()+"?connect=v1&encoding=json&message=%7B%22actve%22%3Afalse%7D", bearerOf(token), "")
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "actve") {
			t.Errorf("%s, GET: %d %s", m.FullName(), got.StatusCode, got.body)
		}
	}
}

// TestRPC_UnknownFieldInside checks fields of a field, filters that exist by another name, and names of an enum's values.
func TestRPC_UnknownFieldInside(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	for _, c := range []struct{ procedure, body, want string }{
		{paddockv1connect.AuditServiceListAuditEntriesProcedure, `{"event_types":["login_failure"]}`, "event_types"},
		{paddockv1connect.AuditServiceListAuditEntriesProcedure, `{"eventTypes":["login_failure"]}`, "eventTypes"},
		{paddockv1connect.UserServiceListUsersProcedure, `{"roles":["admin"]}`, "roles"},
		{paddockv1connect.OllamaServiceEmbedProcedure, `{"input":["x"],"options":{"num_gpu":1}}`, "options"},
		{paddockv1connect.OllamaServiceChatProcedure, `{"messages":[{"role":"user","content":"hi"}],"options":{"num_gpu":1}}`, "num_gpu"},
		{paddockv1connect.OllamaServiceChatProcedure, `{"messages":[{"role":"user","text":"hi"}]}`, "text"},
		{paddockv1connect.UsageServiceGetUsageProcedure, `{"group_by":["weekday"]}`, ""},
	} {
		_, _, err := connectJSON.call(t.Context(), a, methodOf(t, c.procedure), bearerOf(a.AdminKey), []byte(c.body))
		if connect.CodeOf(err) != connect.CodeInvalidArgument || c.want != "" && fieldOf(err) != c.want {
			t.Errorf("%s %s: named %q (%v)", c.procedure, c.body, fieldOf(err), err)
		}
	}
}

// fieldOf returns the first field that an error names; "" for none.
func fieldOf(err error) string {
	if told, ok := err.(*connect.Error); ok { //nolint:errorlint // clients return nothing else
		if v := detail[*errdetails.BadRequest](told).GetFieldViolations(); len(v) > 0 {
			return v[0].GetField()
		}
	}
	return ""
}

func TestRPC_FieldSpellings(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	a.NewPerson(t)
	url := a.URL + paddockv1connect.UserServiceListUsersProcedure
	for _, body := range []string{`{"pageSize":1}`, `{"page_size":1}`} {
		got := send(t, http.MethodPost, url, bearerOf(a.AdminKey), body)
		var m paddockv1.ListUsersResponse
		if err := protojson.Unmarshal([]byte(got.body), &m); err != nil || len(m.GetUsers()) != 1 || m.GetTotalSize() != 2 {
			t.Errorf("%s: %s, %v", body, got.body, err)
		}
		if !strings.Contains(got.body, `"nextPageToken"`) || !strings.Contains(got.body, `"createdAt"`) {
			t.Errorf("answer is not lowerCamelCase: %s", got.body)
		}
	}
}

// TestRPC_Violations checks that the violations in an error name the fields, as the proto does, and the rules that they
// break.
func TestRPC_Violations(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	token := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
	for _, c := range []struct {
		procedure, body string
		want            []string
	}{
		{paddockv1connect.UserServiceListUsersProcedure, `{"pageSize":201}`, []string{"page_size"}},
		{paddockv1connect.UserServiceListUsersProcedure, `{"pageSize":-1,"role":"root"}`, []string{"page_size", "role"}},
		{paddockv1connect.UserServiceListUsersProcedure, `{"pageSize":"many"}`, []string{""}},
		{paddockv1connect.UserServiceListUsersProcedure, `{"pageToken":"nonsense"}`, []string{"page_token"}},
		{paddockv1connect.UserServiceGetUserProcedure, `{"id":"1"}`, []string{"id"}},
		{paddockv1connect.UserServiceGetUserProcedure, `{}`, []string{"id"}},
		{paddockv1connect.UserServiceCreateUserProcedure, `{"email":"a@b.example","roles":["admin","root"]}`, []string{"roles[1]"}},
		{paddockv1connect.UserServiceCreateUserProcedure, `{"email":"no email"}`, []string{"email"}},
		{paddockv1connect.UserServiceCreateUserProcedure, `{"email":"a@b.example","password":"short"}`, []string{"password"}},
		{paddockv1connect.CredentialServiceIssueApiKeyProcedure, `{}`, []string{"label"}},
		{paddockv1connect.CredentialServiceIssueApiKeyProcedure, `{"label":"x","expiresAt":"2001-01-01T00:00:00Z"}`, []string{"expires_at"}},
		{paddockv1connect.AuditServiceListAuditEntriesProcedure, `{"pageSize":501,"userId":"x"}`, []string{"page_size", "user_id"}},
		{paddockv1connect.OllamaServiceEmbedProcedure, `{"input":[]}`, []string{"input"}},
		{paddockv1connect.OllamaServiceChatProcedure, `{"messages":[{"role":"user"},{"role":"root"}],"options":{"numCtx":0}}`, []string{"messages[1].role", "options.num_ctx"}},
	} {
		_, _, err := connectJSON.call(t.Context(), a, methodOf(t, c.procedure), bearerOf(token), []byte(c.body))
		told, ok := err.(*connect.Error) //nolint:errorlint // clients return nothing else
		if !ok || told.Code() != connect.CodeInvalidArgument {
			t.Errorf("%s %s: %v", c.procedure, c.body, err)
			continue
		}
		wantToldProperly(t, err)
		var fields []string
		for _, v := range detail[*errdetails.BadRequest](told).GetFieldViolations() {
			fields = append(fields, v.GetField())
			if v.GetDescription() == "" {
				t.Errorf("%s %s: %s is not explained", c.procedure, c.body, v.GetField())
			}
		}
		if slices.Sort(fields); !slices.Equal(fields, c.want) {
			t.Errorf("%s %s: fields %q, want %q (%v)", c.procedure, c.body, fields, c.want, err)
		}
	}
}

// TestRPC_ManyViolations checks that a large message that breaks a rule in each of its parts is refused with a small answer.
func TestRPC_ManyViolations(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	header := bearerOf(a.AdminKey)
	for kind, message := range map[string]string{
		"application/connect+proto": "\x0a\x09tiny-chat" + strings.Repeat("\x12\x00", 300_000),
		"application/connect+json":  `{"model":"tiny-chat","messages":[` + strings.Repeat(`{},`, 300_000) + `{}]}`,
	} {
		header.Set("Content-Type", kind)
		got := send(t, http.MethodPost, a.URL+paddockv1connect.OllamaServiceChatProcedure, header,
			string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))))+message)
		if !strings.Contains(got.body, "messages[0]") || len(got.body) > 4<<10 {
			t.Errorf("%s: %d, %d bytes: %.300s", kind, got.StatusCode, len(got.body), got.body)
		}
	}
	header.Set("Content-Type", "application/json")
	got := send(t, http.MethodPost, a.URL+paddockv1connect.UserServiceCreateUserProcedure, header, `{"email":"x","displayName":"`+strings.Repeat("x", 300)+`"}`)
	if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "email") || !strings.Contains(got.body, "displayName") && !strings.Contains(got.body, "display_name") {
		t.Errorf("a form is not told all that is wrong with it: %s", got.body)
	}
}
