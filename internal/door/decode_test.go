package door

import (
	"bytes"
	"compress/gzip"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
)

const largest = 2 << 20

func testRoom() *room { return NewBodies(largest).of(&caller.Caller{UserID: uuid.New()}) }

// encoders compress as clients do, by content coding.
var encoders = map[string]func(t testing.TB, text []byte) []byte{
	codingGzip: func(t testing.TB, text []byte) []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	},
	codingZstd: func(t testing.TB, text []byte) []byte {
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(text, nil)
	},
}

// letters returns text that hardly shrinks.
func letters(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte('!' + r.IntN(90))
	}
	return b
}

func TestDecode_Text(t *testing.T) {
	for coding, encode := range encoders {
		for _, text := range [][]byte{[]byte("{}"), letters(100), letters(1 << 20), letters(largest), bytes.Repeat([]byte("go "), 300_000)} {
			room := testRoom()
			got, err := decode(coding, encode(t, text), largest, room)
			if err != nil || !bytes.Equal(got, text) || len(text) > uncounted && room.taken < len(text) {
				t.Errorf("%s, %d bytes: %d bytes, %v, room %d", coding, len(text), len(got), err, room.taken)
			}
		}
	}
}

// TestDecode_Bombs: bodies that become far larger than they were sent are refused before they take memory.
func TestDecode_Bombs(t *testing.T) {
	for coding, encode := range encoders {
		mebibyte := encode(t, make([]byte, 1<<20))
		for size, bomb := range map[int][]byte{
			largest - 1: encode(t, make([]byte, largest-1)), largest + 1: encode(t, make([]byte, largest+1)), 1 << 30: bytes.Repeat(mebibyte, 1<<10),
		} {
			room := testRoom()
			_, err := decode(coding, bomb, largest, room)
			if public, _ := errors.AsType[*connect.Error](err); public == nil || apierr.ReasonOf(public) != apierr.MessageTooLarge {
				t.Errorf("%s, %d bytes as %d: %v", coding, size, len(bomb), err)
			}
			if held := room.of.all; held > 2*largest {
				t.Errorf("%s: takes %d bytes", coding, held)
			}
		}
	}
	for coding, encode := range encoders {
		for over, want := range []apierr.Reason{"", apierr.MessageTooLarge} {
			room := testRoom()
			if err := room.take(largest); err != nil { // of another body of the user's
				t.Fatal(err)
			}
			_, err := decode(coding, bytes.Clone(encode(t, bytes.Repeat(letters(largest>>1), 3)[:largest+over])), largest, room.of.of(room.caller))
			if public, _ := errors.AsType[*connect.Error](err); (public != nil) != (want != "") || public != nil && apierr.ReasonOf(public) != want {
				t.Errorf("%s, the largest body and %d bytes: %v", coding, over, err)
			}
		}
	}
}

func TestDecode_Malformed(t *testing.T) {
	for coding, encode := range encoders {
		good := encode(t, letters(10_000))
		for name, body := range map[string][]byte{
			"plain": []byte(`{"model":"m"}`), "cut": good[:len(good)/2], "other coding": encoders[map[string]string{codingGzip: codingZstd, codingZstd: codingGzip}[coding]](t, []byte("x")),
			"spoilt": append(append([]byte{}, good[:100]...), bytes.Repeat([]byte{0xff}, 200)...),
		} {
			if _, err := decode(coding, body, largest, testRoom()); err == nil || !strings.Contains(err.Error(), "content coding") {
				t.Errorf("%s, %s: %v", coding, name, err)
			}
		}
	}
}

// TestReadAll_Room: a body takes room as it is read, and no more than its announced length.
func TestReadAll_Room(t *testing.T) {
	for _, size := range []int{0, 1, 5000, 512 << 10, 1 << 20, largest} {
		for _, length := range []int64{int64(size), -1} {
			body, most := bytes.NewReader(make([]byte, size)), 0
			got, err := readAll(body, length, largest, func(n int) error {
				most = max(most, n)
				return nil
			})
			limit := min(2*size, largest) + 2*bytes.MinRead
			if length >= 0 {
				limit = size + 2*bytes.MinRead
			}
			if err != nil || len(got) != size || most > limit || cap(got) > most {
				t.Errorf("%d bytes of %d announced: %d, %v, room %d", size, length, len(got), err, most)
			}
		}
	}
	refused := errors.New("no room")
	if _, err := readAll(bytes.NewReader(make([]byte, 1<<20)), 1<<30, 1<<30, func(n int) error {
		if n > 600<<10 {
			return refused
		}
		return nil
	}); !errors.Is(err, refused) {
		t.Errorf("an announced length of 1 GiB: %v", err)
	}
}

// FuzzDecode checks that bodies come out as they went in, and that no body becomes larger than is allowed, or takes more room than
// is counted.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("hello"), true, uint16(100))
	f.Add(bytes.Repeat([]byte("a"), 4<<10), false, uint16(1))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), true, uint16(9))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00"), false, uint16(9))
	f.Fuzz(func(t *testing.T, body []byte, gzipped bool, most uint16) {
		coding, limit := codingZstd, int64(most)
		if gzipped {
			coding = codingGzip
		}
		got, err := decode(coding, body, limit, testRoom())
		if err == nil && int64(len(got)) > limit {
			t.Errorf("%d bytes became %d, of at most %d", len(body), len(got), limit)
		}
		if _, known := errors.AsType[*connect.Error](err); err != nil && !known {
			t.Errorf("fails with %v, which is for no client", err)
		}
		sent := encoders[coding](t, body)
		got, err = decode(coding, sent, limit, testRoom())
		switch {
		case int64(len(body)) <= limit && (err != nil || !bytes.Equal(got, body)):
			t.Errorf("%q became %q, %v", body, got, err)
		case int64(len(body)) > limit && err == nil:
			t.Errorf("%d bytes were accepted, of at most %d", len(body), limit)
		}
	})
}
