package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// timeout bounds a request, up to the end of the answer.
	timeout = 10 * time.Second
	// maxAnswer bounds the answer's body: a cosignature is a line of 150 bytes, or 3,400 after ML-DSA.
	maxAnswer = 64 << 10
	// maxHeader bounds the answer's header.
	maxHeader = 16 << 10
	// maxAhead is how far the witness's clock may be ahead.
	maxAhead = 5 * time.Minute
)

var (
	// ErrAway means that the witness has not answered.
	ErrAway = errors.New("the witness does not answer")
	// ErrRefused means that the witness has refused a checkpoint for what it is, or because of itself.
	ErrRefused = errors.New("the witness refuses the checkpoint")
	// ErrAnswer means that the witness has answered what it must not.
	ErrAnswer = errors.New("the witness's answer is invalid")
	// ErrProof means that the checkpoint is, for the witness, no continuation of the one of the size that it was told.
	ErrProof = errors.New("the witness says that the checkpoint does not continue the one it has cosigned")
)

// SizeError is what Cosign fails with when the last checkpoint that the witness has cosigned has another size than it was told, or
// another root.
type SizeError struct{ Size int64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the witness has cosigned a checkpoint of %d entries last", e.Size)
}

// Client asks one witness.
type Client struct {
	address string
	key     *Key
	http    *http.Client
}

// NewClient returns a client of the witness at an address, which is what tlog-witness calls the submission prefix.
func NewClient(address string, key *Key) *Client {
	return &Client{
		address: strings.TrimRight(address, "/") + "/add-checkpoint", key: key,
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:                  http.ProxyFromEnvironment,
				ForceAttemptHTTP2:      true,
				DisableCompression:     true,
				MaxConnsPerHost:        1,
				IdleConnTimeout:        time.Minute,
				MaxResponseHeaderBytes: maxHeader,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       timeout,
		},
	}
}

// Key returns the witness's key.
func (c *Client) Key() *Key { return c.key }

// Cosign has the witness cosign a checkpoint, with the proof that it continues the one of the old size, and returns the checkpoint with
// the cosignature below its own signatures. It fails with a SizeError, ErrProof, ErrRefused, ErrAway or ErrAnswer.
func (c *Client) Cosign(ctx context.Context, old int64, proof tlog.TreeProof, checkpoint string) (string, error) {
	answer, err := c.post(ctx, request(old, proof, checkpoint))
	if err != nil {
		return "", err
	}
	given, err := c.key.Verify([]byte(checkpoint + answer))
	if err == nil { // Also without what else the answer has, which may have made it a note of another text.
		_, err = c.key.Verify([]byte(checkpoint + given.line))
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if time.Until(given.Time) > maxAhead {
		return "", fmt.Errorf("%w: its time is %s", ErrAnswer, given.Time.Format(time.RFC3339))
	}
	return checkpoint + given.line, nil
}

// request returns the body of a request.
func request(old int64, proof tlog.TreeProof, checkpoint string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", old)
	for _, hash := range proof {
		fmt.Fprintln(&b, hash)
	}
	b.WriteString("\n" + checkpoint)
	return b.String()
}

// post makes the request and returns the body of the answer that is a success.
func (c *Client) post(ctx context.Context, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	r.Header.Set("User-Agent", "paddock")
	answer, err := c.http.Do(r)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAway, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrAway, err)
	case len(text) > maxAnswer:
		return "", fmt.Errorf("%w: it has more than %d bytes", ErrAnswer, maxAnswer)
	}
	return string(text), refusal(answer, string(text))
}

// refusal returns the error that an answer stands for; nil for a success.
func refusal(answer *http.Response, text string) error {
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusConflict:
		return conflict(answer.Header.Get("Content-Type"), text)
	case http.StatusUnprocessableEntity:
		return ErrProof
	case http.StatusNotFound:
		return fmt.Errorf("%w: it does not know the log's name, or nothing is at that address (404)", ErrRefused)
	case http.StatusForbidden:
		return fmt.Errorf("%w: it knows none of the keys that have signed (403)", ErrRefused)
	default:
		return fmt.Errorf("%w: status %d", ErrRefused, answer.StatusCode)
	}
}

// conflict returns the error that the body of a 409 stands for.
func conflict(contentType, text string) error {
	media, _, err := mime.ParseMediaType(contentType)
	digits := strings.TrimSuffix(text, "\n")
	size, sizeErr := strconv.ParseInt(digits, 10, 64)
	if err != nil || media != "text/x.tlog.size" || sizeErr != nil || size < 0 || digits != strconv.FormatInt(size, 10) {
		return fmt.Errorf("%w: a conflict (409) without a size", ErrAnswer)
	}
	return &SizeError{size}
}
