package apptest_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is a client of HTTP/2 that sends whatever frames it likes.
type peer struct {
	*h2.Framer
	conn    net.Conn
	out     *bufio.Writer
	encoder *hpack.Encoder
	block   bytes.Buffer
	stream  uint32 // the last one that was opened

	mu    sync.Mutex
	codes map[h2.ErrCode]int // of GOAWAY and RST_STREAM
	told  map[string]int     // by status, if ReadMetaHeaders is set
	pongs chan struct{}      // answers to pings of settle
	ended chan struct{}      // closed when the server has closed the connection, if it is read
}

// lastPing is what settle sends.
var lastPing = [8]byte{'s', 'e', 't', 't', 'l', 'e'}

// newPeer connects with prior knowledge of HTTP/2.
func newPeer(t testing.TB, s *target, settings ...h2.Setting) *peer {
	t.Helper()
	p := &peer{conn: s.dial(t), codes: map[h2.ErrCode]int{}, told: map[string]int{}, pongs: make(chan struct{}, 1), ended: make(chan struct{})}
	must(t, p.conn.SetDeadline(time.Now().Add(5*time.Minute)))
	p.out = bufio.NewWriterSize(p.conn, 32<<10)
	p.Framer = h2.NewFramer(p.out, p.conn)
	p.AllowIllegalWrites = true
	p.encoder = hpack.NewEncoder(&p.block)
	_, err := p.out.WriteString(h2.ClientPreface)
	must(t, err)
	must(t, p.WriteSettings(settings...))
	must(t, p.out.Flush())
	return p
}

// read reads and counts what the server sends, in the background.
func (p *peer) read() *peer {
	go func() {
		defer close(p.ended)
		for {
			frame, err := p.ReadFrame()
			if err != nil {
				return
			}
			p.mu.Lock()
			switch frame := frame.(type) {
			case *h2.GoAwayFrame:
				p.codes[frame.ErrCode]++
			case *h2.RSTStreamFrame:
				p.codes[frame.ErrCode]++
			case *h2.MetaHeadersFrame:
				p.told[frame.PseudoValue("status")]++
			case *h2.PingFrame:
				if frame.Data == lastPing {
					p.pongs <- struct{}{}
				}
			}
			p.mu.Unlock()
		}
	}()
	return p
}

// errors returns how often each error has come.
func (p *peer) errors() map[h2.ErrCode]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.codes)
}

// statuses returns how often each status has come.
func (p *peer) statuses() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.told)
}

// headers returns the header block of a request with the credential.
func (p *peer) headers(s *target, method, path, credential string, fields ...hpack.HeaderField) []byte {
	p.block.Reset()
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: method},
		{Name: ":scheme", Value: "http"},
		{Name: ":authority", Value: s.address()},
		{Name: ":path", Value: path},
		{Name: "content-type", Value: "application/json"},
		{Name: "authorization", Value: "Bearer " + credential},
	}, fields...) {
		_ = p.encoder.WriteField(f) // to a buffer
	}
	return p.block.Bytes()
}

// open opens a stream with the header block.
func (p *peer) open(block []byte, end bool) error {
	p.stream += 2
	if p.stream == 2 {
		p.stream = 1
	}
	return p.WriteHeaders(h2.HeadersFrameParam{StreamID: p.stream, BlockFragment: block, EndHeaders: true, EndStream: end})
}

// openLarge opens a stream with a header block of any size, in as many frames as it takes.
func (p *peer) openLarge(block []byte) error {
	const largest = 16 << 10
	p.stream += 2
	n := min(len(block), largest)
	err := p.WriteHeaders(h2.HeadersFrameParam{StreamID: p.stream + 1, BlockFragment: block[:n], EndHeaders: n == len(block), EndStream: true})
	for block = block[n:]; err == nil && len(block) > 0; block = block[n:] {
		n = min(len(block), largest)
		err = p.WriteContinuation(p.stream+1, n == len(block), block[:n])
	}
	return err
}

// chat asks the model of tiny-chat for a stream.
func (p *peer) chat(s *target) error {
	if err := p.open(p.headers(s, http.MethodPost, "/api/chat", s.key), false); err != nil {
		return err
	}
	return p.WriteData(p.stream, true, []byte(`{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`))
}

// flood calls send until it has been called n times or the server has ended the connection, and returns how often it was.
func (p *peer) flood(n int, send func(i int) error) (sent int, ended bool) {
	for i := range n {
		err := send(i)
		if err == nil && i%64 == 63 {
			err = p.out.Flush()
		}
		if err != nil {
			return i, !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
	return n, p.out.Flush() != nil
}

// settle waits until the server has handled what it was sent, and reports whether it has ended the connection.
func (p *peer) settle() (ended bool) {
	if p.WritePing(false, lastPing) != nil || p.out.Flush() != nil {
		return true
	}
	select {
	case <-p.ended:
		return true
	case <-p.pongs:
	case <-time.After(patience): // it waits for the rest of a header block
	}
	return false
}

// goroutines returns how many goroutines the server has.
func (s *target) goroutines(t testing.TB) int {
	t.Helper()
	got := send(t, http.MethodGet, s.url+"/metrics", nil, "")
	_, after, ok := strings.Cut(got.body, "\ngo_goroutines ")
	line, _, _ := strings.Cut(after, "\n")
	if !ok {
		t.Fatalf("no goroutines are counted: %.200s", got.body)
	}
	return number(t, http.Header{"N": {line}}, "N")
}

// wantReleased fails the test unless the server's goroutines become about as many as they were. Two for each connection to the
// upstream that is kept for later calls are none that are left.
func (s *target) wantReleased(t testing.TB, before int) {
	t.Helper()
	after, kept := 0, 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		after, kept = s.goroutines(t), s.upstreamConnections(t)
		if after <= before+50+2*kept {
			return
		}
	}
	t.Errorf("%d goroutines are left, there were %d; %d connections to the upstream are open", after, before, kept)
}

// upstreamConnections returns how many connections to the upstream are open.
func (s *target) upstreamConnections(t testing.TB) (n int) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	must(t, err)
	upstream, err := url.Parse(s.upstream.URL)
	must(t, err)
	port, err := strconv.Atoi(upstream.Port())
	must(t, err)
	const remote, state, established = 2, 3, "01"
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if strings.HasSuffix(fields[remote], fmt.Sprintf(":%04X", port)) && fields[state] == established {
			n++
		}
	}
	return n
}
