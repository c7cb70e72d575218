package apptest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const deleteUser = paddockv1connect.UserServiceDeleteUserProcedure

// TestRefusal_BeforeBody checks that a refused call is answered before its body has arrived; net/http would wait for the
// body first.
func TestRefusal_BeforeBody(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	member := a.NewPerson(t, "user")
	for _, c := range []struct{ name, credential, body, want string }{
		{"nobody", "", "Content-Length: 100", "401"},
		{"nobody, chunked", "", "Transfer-Encoding: chunked", "401"},
		{"member", member.Token, "Content-Length: 100", "403"},
		{"member, chunked", member.Token, "Transfer-Encoding: chunked", "403"},
		{"admin, too large", a.AdminKey, "Content-Length: 65537", "429"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, a)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n",
				deleteUser, c.credential, c.body)
			must(t, conn.SetReadDeadline(time.Now().Add(2*time.Second)))
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || !strings.Contains(line, c.want) {
				t.Errorf("answered %q, %v; want %s", line, err, c.want)
			}
		})
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/nothing"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, a)
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", path)
			must(t, conn.SetReadDeadline(time.Now().Add(2*time.Second)))
			if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
				t.Errorf("answered %q, %v", line, err)
			}
		})
	}
}

func dial(t testing.TB, a *apptest.App) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// answer is a whole HTTP answer.
type answer struct {
	*http.Response
	body string
}

// send makes one HTTP/1.1 request without following redirects.
func send(t testing.TB, method, url string, header http.Header, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	must(t, err)
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.Header.Get("Content-Type") == "" && method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http1.Transport.RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return answer{res, string(b)}
}

// TestDoor_PathSpellings tries paths that reach a handler, or could, and checks that none of them bypasses the access rules.
func TestDoor_PathSpellings(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	member, victim := a.NewPerson(t, "user"), a.NewPerson(t)
	body := fmt.Sprintf(`{"id":%q}`, victim.GetId())
	for _, path := range []string{
		"/paddock.v1.UserService/DeleteUser",
		"/paddock.v1.UserService/%44eleteUser",
		"/paddock.v1.UserService/Delete%55ser",
		"/%70addock.v1.UserService/DeleteUser",
		"/paddock.v1.UserService%2FDeleteUser",
		"/paddock.v1.UserService/DeleteUser/",
		"/paddock.v1.UserService//DeleteUser",
		"//paddock.v1.UserService/DeleteUser",
		"/paddock.v1.AuthService/../paddock.v1.UserService/DeleteUser",
		"/paddock.v1.AuthService/Login/../../paddock.v1.UserService/DeleteUser",
		"/paddock.v1.AuthService/%2e%2e/paddock.v1.UserService/DeleteUser",
		"/paddock.v1.AuthService/Login%2f..%2f..%2fpaddock.v1.UserService%2fDeleteUser",
		"/paddock.v1.UserService/deleteuser",
		"/paddock.v1.UserService/DeleteUser?x=/paddock.v1.AuthService/Login",
		"/paddock.v1.UserService/DeleteUser;x",
		"/paddock.v1.UserService/DeleteUser%00",
	} {
		for who, header := range map[string]http.Header{"nobody": {}, "member": bearerOf(member.Token)} {
			for _, method := range []string{"POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
				got := send(t, method, a.URL+path, header, body)
				switch got.StatusCode {
				case http.StatusTemporaryRedirect, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
					http.StatusNotFound, http.StatusMethodNotAllowed:
				default:
					t.Errorf("%s %s as %s: status %d, %s", method, path, who, got.StatusCode, got.body)
				}
			}
		}
	}
	if _, err := a.Admin().Users.GetUser(t.Context(), &paddockv1.GetUserRequest{Id: victim.GetId()}); err != nil {
		t.Fatalf("the victim is gone: %v", err)
	}
	// Spelled as the first that reaches the handler, it works for those who may.
	if got := send(t, "POST", a.URL+"/paddock.v1.UserService/%44eleteUser", bearerOf(a.AdminKey), body); got.StatusCode != http.StatusOK {
		t.Errorf("as admin: %d %s", got.StatusCode, got.body)
	}
}

// TestHTTPMethods: GET works for what has no side effects, and for that alone; a HEAD or PUT never has an effect.
func TestHTTPMethods(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	admin := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
	for _, m := range methods(t) {
		query := "?encoding=json&connect=v1&message=%7B%7D"
		get := send(t, "GET", a.URL+m.procedure()+query, bearerOf(admin), "")
		switch {
		case m.sideEffects() && get.StatusCode != http.StatusMethodNotAllowed:
			t.Errorf("GET %s: status %d, want 405", m.procedure(), get.StatusCode)
		case !m.sideEffects() && get.StatusCode != http.StatusOK && get.StatusCode != http.StatusBadRequest:
			t.Errorf("GET %s: status %d %s", m.procedure(), get.StatusCode, get.body)
		}
		for _, method := range []string{"HEAD", "PUT", "DELETE", "OPTIONS"} {
			if got := send(t, method, a.URL+m.procedure(), bearerOf(admin), "{}"); got.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: status %d, want 405", method, m.procedure(), got.StatusCode)
			}
		}
	}
	// The session is still there: none of that was a Logout.
	got := send(t, "GET", a.URL+paddockv1connect.AuthServiceWhoAmIProcedure+"?encoding=json&message=%7B%7D", bearerOf(admin), "")
	var who struct{ User struct{ Email string } }
	if err := json.Unmarshal([]byte(got.body), &who); err != nil || who.User.Email != apptest.AdminEmail {
		t.Errorf("WhoAmI by GET: %d %s", got.StatusCode, got.body)
	}
	binary, err := proto.Marshal(&paddockv1.ListUsersRequest{PageSize: 1})
	must(t, err)
	url := fmt.Sprintf("%s%s?encoding=proto&base64=1&message=%s", a.URL, paddockv1connect.UserServiceListUsersProcedure, base64url(binary))
	if got := send(t, "GET", url, bearerOf(admin), ""); got.StatusCode != http.StatusOK {
		t.Errorf("ListUsers by GET, binary: %d %s", got.StatusCode, got.body)
	}
}

// TestGatewayPaths_ExtraSlash checks that a path with a slash too many is redirected before the body is read and for every
// caller, so that clients that follow get their answer.
func TestGatewayPaths_ExtraSlash(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	member := a.NewPerson(t, "user")
	const body = `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}],"stream":false}`
	for _, path := range []string{"//api/chat", "/api/chat/", "/v1//chat/completions", "/v1/chat/completions/"} {
		for _, header := range []http.Header{nil, bearerOf(member.Key)} {
			got := send(t, http.MethodPost, a.URL+path+"?a=b", header, body)
			clean := strings.TrimSuffix(strings.ReplaceAll(path, "//", "/"), "/") + "?a=b"
			if to := got.Header.Get("Location"); got.StatusCode != http.StatusTemporaryRedirect || to != clean {
				t.Errorf("%s: %d to %q, want %q", path, got.StatusCode, to, clean)
			}
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+path, strings.NewReader(body))
		must(t, err)
		req.Header = bearerOf(member.Key)
		req.Header.Set("Content-Type", "application/json")
		res, err := http1.Do(req) // which follows
		must(t, err)
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: followed, it is %d", path, res.StatusCode)
		}
	}
	// A body that does not come is not waited for.
	conn := dial(t, a)
	fmt.Fprintf(conn, "POST //api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
	must(t, conn.SetReadDeadline(time.Now().Add(2*time.Second)))
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "307") {
		t.Errorf("answered %q, %v", line, err)
	}
}
