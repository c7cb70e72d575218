// Package witnesstest is a witness for tests, written after C2SP tlog-witness and tlog-cosignature without what is to be tested.
package witnesstest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Name is the witness's name.
const Name = "witness.example.com/w1"

// Witness cosigns checkpoints of the logs whose public keys it knows.
type Witness struct {
	URL string // the submission prefix
	Key string // the public key, name+hash+key

	private ed25519.PrivateKey
	hash    uint32
	logs    note.Verifiers

	mu      sync.Mutex
	last    map[string]tlog.Tree // by origin
	instead http.HandlerFunc
	asked   int
	running int
	atOnce  int
}

// Start starts a witness of the logs that have the public keys.
func Start(t testing.TB, logs ...string) *Witness {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	known := make([]note.Verifier, len(logs))
	for i, text := range logs {
		if known[i], err = note.NewVerifier(text); err != nil {
			t.Fatal(err)
		}
	}
	const cosignature = 4
	key := append([]byte{cosignature}, public...)
	hash := sha256.Sum256([]byte(Name + "\n" + string(key)))
	w := &Witness{private: private, hash: binary.BigEndian.Uint32(hash[:]), logs: note.VerifierList(known...), last: map[string]tlog.Tree{}}
	w.Key = fmt.Sprintf("%s+%08x+%s", Name, w.hash, base64.StdEncoding.EncodeToString(key))
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.URL = server.URL + "/paddock"
	return w
}

// Last returns what the witness has cosigned last of the log.
func (w *Witness) Last(origin string) tlog.Tree {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last[origin]
}

// SetLast has the witness believe that it has cosigned a tree last.
func (w *Witness) SetLast(origin string, t tlog.Tree) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[origin] = t
}

// Asked returns how many requests there were, and how many at once at most.
func (w *Witness) Asked() (requests, atOnce int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked, w.atOnce
}

// Instead has a handler answer requests; nil ends that.
func (w *Witness) Instead(handler http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = handler
}

// ServeHTTP answers a request.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked++
	w.running++
	w.atOnce = max(w.atOnce, w.running)
	answer := w.instead
	w.mu.Unlock()
	if answer == nil {
		answer = w.Answer
	}
	answer(rw, r)
	w.mu.Lock()
	w.running--
	w.mu.Unlock()
}

// Answer answers a request as the specification has it.
func (w *Witness) Answer(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/paddock/add-checkpoint") {
		http.Error(rw, "no such call", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	a, err := parse(string(body))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	status, text := w.add(a)
	if status == http.StatusConflict {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
	}
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, text)
}

// addition is a request.
type addition struct {
	old    int64
	proof  tlog.TreeProof
	signed string
	origin string
	tlog.Tree
}

func parse(body string) (a addition, err error) {
	head, signed, _ := strings.Cut(body, "\n\n")
	lines := strings.Split(head, "\n")
	digits, ok := strings.CutPrefix(lines[0], "old ")
	a.old, err = strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || a.old < 0 || len(lines) > 64 {
		return a, errors.New("no old size")
	}
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return a, err
		}
		a.proof = append(a.proof, hash)
	}
	a.signed = signed
	said := strings.SplitN(signed, "\n", 4)
	if len(said) < 4 {
		return a, errors.New("no checkpoint")
	}
	a.origin = said[0]
	if a.N, err = strconv.ParseInt(said[1], 10, 64); err != nil {
		return a, err
	}
	a.Hash, err = tlog.ParseHash(said[2])
	return a, err
}

// add returns the answer to a request.
func (w *Witness) add(a addition) (status int, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := note.Open([]byte(a.signed), w.logs)
	last := w.last[a.origin]
	switch {
	case err != nil:
		return http.StatusForbidden, "not signed by a known key\n"
	case n.Sigs[0].Name != a.origin:
		return http.StatusNotFound, "unknown log\n"
	case a.old > a.N:
		return http.StatusBadRequest, "the old size is too large\n"
	case a.old != last.N, a.old == a.N && a.Hash != last.Hash:
		return http.StatusConflict, fmt.Sprintf("%d\n", last.N)
	case a.old == 0 && len(a.proof) > 0, a.old > 0 && tlog.CheckTree(a.proof, a.N, a.Hash, last.N, last.Hash) != nil:
		return http.StatusUnprocessableEntity, "the proof does not verify\n"
	}
	w.last[a.origin] = a.Tree
	return http.StatusOK, w.Cosign(n.Text, time.Now())
}

// Cosign returns the line of a cosignature of a checkpoint's text.
func (w *Witness) Cosign(text string, at time.Time) string {
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at.Unix(), text)
	signature := binary.BigEndian.AppendUint32(nil, w.hash)
	signature = binary.BigEndian.AppendUint64(signature, uint64(at.Unix()))
	signature = append(signature, ed25519.Sign(w.private, []byte(message))...)
	return fmt.Sprintf("— %s %s\n", Name, base64.StdEncoding.EncodeToString(signature))
}
