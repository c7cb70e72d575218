package apptest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestCanaries gives every secret, prompt and answer a text of its own, uses the whole server with them, has it fail in many ways,
// and then looks for them in all that it has written: log, metrics, spans, database, errors, audit trail.
func TestCanaries(t *testing.T) {
	cluster := storetest.NewCluster(t)
	for name, database := range map[string]string{"SQLite": storetest.SQLite(t), "PostgreSQL": cluster.Database(t)} {
		t.Run(name, func(t *testing.T) {
			c := newCanaries(t, database, cluster)
			c.signIns(t)
			c.keys(t)
			c.models(t)
			c.brokenRequests(t)
			c.panics(t)
			c.databaseAway(t)
			c.search(t)
		})
	}
}

// canaries is a server, and the texts that it was given and must keep to itself.
type canaries struct {
	*apptest.App
	cluster *storetest.Cluster
	texts   map[string]string // what it is, by text
	told    map[string]bool   // of them those that the upstream tells its client in errors
	log     lockedBuffer
	spans   lockedBuffer
	errors  lockedBuffer // as clients have read them
	p       *apptest.Person
}

// lockedBuffer is a buffer that many write to.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.all.Bytes())
}

func newCanaries(t *testing.T, database string, cluster *storetest.Cluster) *canaries {
	t.Helper()
	c := &canaries{cluster: cluster, texts: map[string]string{}, told: map[string]bool{}}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(&c.spans, r.Body) }))
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL) // the exporter reads the process's own environment
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(previous) })
	if strings.HasPrefix(database, "postgres") {
		u, err := url.Parse(database)
		must(t, err)
		u.User = url.UserPassword(u.User.Username(), c.text("the database's password")) // which a trusting server does not ask for
		database = u.String()
	}
	c.App = apptest.StartLogged(t, database, apptest.Env{
		"LOG_LEVEL": "debug", "JWT_SECRET": c.text("JWT_SECRET"), "JWT_SECRET_PREVIOUS": c.text("JWT_SECRET_PREVIOUS"),
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
		"OLLAMA_FIRST_TOKEN_TIMEOUT": "300ms", "DEFAULT_TOKENS_PER_DAY": "100000",
	}, &c.log)
	c.add("the first admin's password", apptest.AdminPassword)
	c.addKey("the first admin's key", c.AdminKey)
	return c
}

// text returns a new text.
func (c *canaries) text(what string) string {
	text := "Canary" + rand.Text()
	c.add(what, text)
	return text
}

func (c *canaries) add(what, text string) { c.texts[text] = what }

// addKey adds the secret of an API key; what stands before it is its id.
func (c *canaries) addKey(what, key string) { c.add(what, key[strings.LastIndexByte(key, '_')+1:]) }

// addTokens adds what of tokens cannot be known from the session.
func (c *canaries) addTokens(what, access, refresh string) {
	if access != "" {
		c.add("the access token of "+what, access[strings.LastIndexByte(access, '.')+1:])
	}
	if refresh != "" {
		c.add("the refresh token of "+what, refresh[len(refresh)-40:])
	}
}

// send sends a request, and keeps an answer that is an error.
func (c *canaries) send(t *testing.T, method, path string, header http.Header, body string) answer {
	t.Helper()
	got := send(t, method, c.URL+path, header, body)
	if got.StatusCode >= http.StatusBadRequest {
		fmt.Fprintf(&c.errors, "%d %v %s\n", got.StatusCode, got.Header, got.body)
	}
	return got
}

// refused keeps the error of a call that must fail.
func (c *canaries) refused(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("a call succeeded that was to fail")
		return
	}
	fmt.Fprintf(&c.errors, "%v %v\n", err, metaOf(err))
}

// search looks for every text in all that the server has written. Each place must hold what it is known to hold, or it was not
// looked at.
func (c *canaries) search(t *testing.T) {
	t.Helper()
	places := map[string][]byte{
		"the metrics":     []byte(send(t, http.MethodGet, c.URL+"/metrics", nil, "").body),
		"the audit trail": c.trail(t),
		"the database":    c.rows(t),
	}
	if path, ok := strings.CutPrefix(c.Database, "sqlite://"); ok {
		for _, name := range []string{path, path + "-wal"} {
			b, err := os.ReadFile(name)
			must(t, err)
			places["the file "+name[len(path)-3:]] = b
		}
	}
	must(t, c.Stop())
	places["the log"], places["the spans"], places["the errors"] = c.log.bytes(), c.spans.bytes(), c.errors.bytes()
	known := map[string]string{
		"the metrics": `route="/v1/messages"`, "the audit trail": "login_failure", "the database": c.p.GetEmail(),
		"the log": `"msg":"panic"`, "the spans": c.p.GetId(), "the errors": "UNAUTHENTICATED",
	}
	for place, b := range places {
		if !bytes.Contains(b, []byte(known[place])) {
			t.Errorf("%s does not hold %s", place, known[place])
		}
		for text, what := range c.texts {
			if c.told[text] && place == "the errors" {
				continue
			}
			for _, spelled := range spellings(text) {
				if at := bytes.Index(b, []byte(spelled)); at >= 0 {
					t.Errorf("%s holds %s: %q", place, what, b[max(0, at-200):min(len(b), at+len(spelled)+50)])
					break
				}
			}
		}
	}
}

// spellings returns a text as it may be written: as it is, in hexadecimal digits, and in base64 wherever in it the text begins.
func spellings(text string) []string {
	all := []string{text, hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text)))}
	for before := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + text))
		all = append(all, encoded[4:len(encoded)-4])
	}
	return all
}

// trail returns the audit trail as an admin reads it.
func (c *canaries) trail(t *testing.T) []byte {
	t.Helper()
	var b []byte
	for token := ""; ; {
		m, err := c.Admin().Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{PageSize: 500, PageToken: token})
		must(t, err)
		for _, e := range m.GetEntries() {
			b = append(b, protojson.Format(e)...)
		}
		if token = m.GetNextPageToken(); token == "" {
			return b
		}
	}
}

// rows returns every column of every table, as text.
func (c *canaries) rows(t *testing.T) []byte {
	t.Helper()
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'user_trigrams'" // which are in those after it
	if !c.Store.Embedded() {
		tables = "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
	}
	var all bytes.Buffer
	found := c.query(t, tables)
	if len(found) < 15 {
		t.Fatalf("only %d tables", len(found))
	}
	for _, table := range found {
		for _, row := range c.query(t, fmt.Sprintf("SELECT * FROM %q", table[0])) {
			fmt.Fprintf(&all, "%s: %s\n", table[0], row)
		}
	}
	return all.Bytes()
}

func (c *canaries) query(t *testing.T, query string) (all [][]any) {
	t.Helper()
	rows, err := c.Store.DB().QueryContext(t.Context(), query)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(t, rows.Scan(into...))
		all = append(all, values)
	}
	must(t, rows.Err())
	return all
}

// receive reads a stream to its end, which is how it ended.
func receive(ctx context.Context, clients *apptest.Clients, r *paddockv1.ChatRequest) error {
	stream, err := clients.Ollama.Chat(ctx, r)
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
	}
	return stream.Err()
}
