package witness_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/witness"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

const origin = "paddock.example.com"

// log is a log of a few entries.
type log struct {
	signer note.Signer
	public string
	hashes []tlog.Hash // as tlog stores them
	size   int64
}

func newLog(t testing.TB) *log {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return &log{signer: signer, public: public}
}

func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = l.hashes[index]
	}
	return found, nil
}

// grow appends entries and returns the checkpoint.
func (l *log) grow(t testing.TB, entries int) string {
	t.Helper()
	for range entries {
		hashes, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "entry %d", l.size), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes, l.size = append(l.hashes, hashes...), l.size+1
	}
	root, err := tlog.TreeHash(l.size, l)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", origin, l.size, root)}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func (l *log) prove(t testing.TB, old int64) tlog.TreeProof {
	t.Helper()
	proof, err := tlog.ProveTree(l.size, old, l)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func start(t testing.TB) (*log, *witnesstest.Witness, *witness.Client) {
	t.Helper()
	l := newLog(t)
	w := witnesstest.Start(t, l.public)
	key, err := witness.NewKey(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	return l, w, witness.NewClient(w.URL+"/", key)
}

// TestCosign: what the witness returns is below the log's own signature, and both verify.
func TestCosign(t *testing.T) {
	l, w, c := start(t)
	first := l.grow(t, 5)
	signed, err := c.Cosign(t.Context(), 0, nil, first)
	if err != nil || !strings.HasPrefix(signed, first+"— "+witnesstest.Name+" ") {
		t.Fatalf("got %q, %v", signed, err)
	}
	if given, err := c.Key().Verify([]byte(signed)); err != nil || time.Since(given.Time) > time.Minute {
		t.Errorf("cosigned at %v, %v", given.Time, err)
	}
	second := l.grow(t, 300)
	if _, err := c.Cosign(t.Context(), 5, l.prove(t, 5), second); err != nil {
		t.Errorf("the next one: %v", err)
	}
	if got := w.Last(origin); got.N != 305 {
		t.Errorf("the witness has %d entries", got.N)
	}
	if _, err := c.Key().Verify([]byte(first)); !errors.Is(err, witness.ErrNoCosignature) {
		t.Errorf("without a cosignature: %v", err)
	}
	forged := strings.Replace(signed, origin+"\n5\n", origin+"\n6\n", 1)
	if _, err := c.Key().Verify([]byte(forged)); !errors.Is(err, witness.ErrCosignature) {
		t.Errorf("of another size: %v", err)
	}
}

// TestCosign_Refused: what each refusal of the specification means.
func TestCosign_Refused(t *testing.T) {
	l, w, c := start(t)
	first := l.grow(t, 5)
	if _, err := c.Cosign(t.Context(), 0, nil, first); err != nil {
		t.Fatal(err)
	}
	second := l.grow(t, 3)
	var size *witness.SizeError
	if _, err := c.Cosign(t.Context(), 4, l.prove(t, 4), second); !errors.As(err, &size) || size.Size != 5 {
		t.Errorf("another old size: %v, want that of 5", err)
	}
	if _, err := c.Cosign(t.Context(), 5, l.prove(t, 4), second); !errors.Is(err, witness.ErrProof) {
		t.Errorf("a proof of another size: %v", err)
	}
	if _, err := c.Cosign(t.Context(), 5, nil, newLog(t).grow(t, 5)); !errors.Is(err, witness.ErrRefused) || !strings.Contains(err.Error(), "403") {
		t.Errorf("another key: %v", err)
	}
	key, err := witness.NewKey(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := witness.NewClient(w.URL+"/elsewhere", key)
	if _, err := elsewhere.Cosign(t.Context(), 5, l.prove(t, 5), second); !errors.Is(err, witness.ErrRefused) || !strings.Contains(err.Error(), "404") {
		t.Errorf("another address: %v", err)
	}
}

// TestCosign_Hostile: a witness that answers what it must not gets nothing kept.
func TestCosign_Hostile(t *testing.T) {
	conflict := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, body)
		}
	}
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	l, w, c := start(t)
	signed := l.grow(t, 5)
	text, _, _ := strings.Cut(signed, "\n\n")
	text += "\n"
	other := witnesstest.Start(t)
	good, now := w.Cosign(text, time.Now()), time.Now()
	for name, hostile := range map[string]struct {
		handler http.HandlerFunc
		want    error
	}{
		"Empty":         {answer(""), witness.ErrAnswer},
		"Garbage":       {answer("\x00\xff— garbage"), witness.ErrAnswer},
		"Page":          {answer("<html>\n\n<p>Sign in\n"), witness.ErrAnswer},
		"OtherKey":      {answer(other.Cosign(text, now)), witness.ErrAnswer},
		"OtherText":     {answer(w.Cosign(strings.Replace(text, "\n5\n", "\n6\n", 1), now)), witness.ErrAnswer},
		"OtherNote":     {answer("\nx\n\n" + w.Cosign(signed+"\nx\n", now)), witness.ErrAnswer},
		"OtherTime":     {answer(swapTime(good, w.Cosign(text, now.Add(time.Hour)))), witness.ErrAnswer},
		"Future":        {answer(w.Cosign(text, now.Add(time.Hour))), witness.ErrAnswer},
		"NoTime":        {answer(w.Cosign(text, time.Unix(-5, 0))), witness.ErrAnswer},
		"LogsSignature": {answer(signed[len(text)+1:]), witness.ErrAnswer},
		"Many":          {answer(strings.Repeat(good, 200)), witness.ErrAnswer},
		"Endless":       {endless, witness.ErrAnswer},
		"Cut":           {cut, witness.ErrAway},
		"Redirect":      {http.RedirectHandler(w.URL+"/add-checkpoint", http.StatusTemporaryRedirect).ServeHTTP, witness.ErrRefused},
		"Fault":         {http.NotFound, witness.ErrRefused},
		"NoContent":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, witness.ErrRefused},
		"LongHeader":    {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, witness.ErrAway},
		"ConflictHTML":  {conflict("text/html", "5\n"), witness.ErrAnswer},
		"ConflictWords": {conflict("text/x.tlog.size", "five\n"), witness.ErrAnswer},
		"ConflictMinus": {conflict("text/x.tlog.size", "-5\n"), witness.ErrAnswer},
		"ConflictPlus":  {conflict("text/x.tlog.size", "+5\n"), witness.ErrAnswer},
		"ConflictZeros": {conflict("text/x.tlog.size", "05\n"), witness.ErrAnswer},
		"ConflictHuge":  {conflict("text/x.tlog.size", "9223372036854775808\n"), witness.ErrAnswer},
		"ConflictEmpty": {conflict("text/x.tlog.size", ""), witness.ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			w.Instead(hostile.handler)
			kept, err := c.Cosign(t.Context(), 0, nil, signed)
			if !errors.Is(err, hostile.want) || kept != "" {
				t.Errorf("got %q, %v; want %v", kept, err, hostile.want)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
	w.Instead(answer("— somebody.example.com AAAAAAAA\n" + good))
	if kept, err := c.Cosign(t.Context(), 0, nil, signed); err != nil || kept != signed+good {
		t.Errorf("beside a cosignature of somebody else: %q, %v", kept, err)
	}
}

// swapTime returns a cosignature with the time of another.
func swapTime(line, other string) string {
	const begin = len("— " + witnesstest.Name + " ")
	return line[:begin+6] + other[begin+6:begin+16] + line[begin+16:]
}

func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, strings.Repeat("— x AAAAAAAA\n", 100)); err != nil {
			return
		}
	}
}

func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, "— x AAAA")
}

func TestNewKey(t *testing.T) {
	w := witnesstest.Start(t)
	_, plain, err := note.GenerateKey(rand.Reader, "witness.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{w.Key, plain} {
		if k, err := witness.NewKey(text); err != nil || !strings.HasPrefix(text, k.Name()+"+") {
			t.Errorf("%s: %v", text, err)
		}
	}
	name, rest, _ := strings.Cut(w.Key, "+")
	for _, text := range []string{"", "x", name, "x" + w.Key, w.Key + "A", w.Key[:len(w.Key)-4], name + "+00000000" + rest[8:], "x" + plain, "a b+" + rest} {
		if _, err := witness.NewKey(text); err == nil {
			t.Errorf("accepts %q", text)
		}
	}
}
