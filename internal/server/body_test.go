package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/gateway"
)

// readAll reads a body of so many bytes, each of which is c, and tells how much room that took.
func readAll(t *testing.T, size int, c byte) (held, int) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/chat", bytes.NewReader(bytes.Repeat([]byte{c}, size)))
	room := newBodies().of(&caller.Caller{UserID: uuid.New()})
	body, err := readBody(httptest.NewRecorder(), r, gateway.MaxBody, room)
	if err != nil {
		t.Fatal(err)
	}
	return body.(held), room.held //nolint:forcetypeassert // a test
}

// TestABodyTakesTheSameRoomWhateverCameBefore: what memory there is to use again is of others, and no affair of a user's.
func TestABodyTakesTheSameRoomWhateverCameBefore(t *testing.T) {
	sizes := []int{33 << 10, 40 << 10, 255 << 10, 256 << 10, 512<<10 - 1, 600 << 10, 1100 << 10, 1200 << 10, 2150 << 10, gateway.MaxBody}
	var fresh []int
	for _, size := range sizes {
		_, room := readAll(t, size, 'a')
		if fresh = append(fresh, room); room > size*5/4+bytes.MinRead {
			t.Errorf("%d bytes take the room of %d", size, room)
		}
	}
	for _, before := range sizes {
		for i, size := range sizes {
			first, _ := readAll(t, before, 'a')
			first.Reuse()
			body, room := readAll(t, size, 'b')
			if room != fresh[i] || bytes.Count(body.Bytes(), []byte("b")) != size || body.Len() != size {
				t.Errorf("%d bytes after %d: %d, room %d, else %d", size, before, body.Len(), room, fresh[i])
			}
		}
	}
}

// TestABodyEndsWithItsReuse: a second one gives nothing away.
func TestABodyEndsWithItsReuse(t *testing.T) {
	const size = 100 << 10
	gone, _ := readAll(t, size, 'a')
	gone.Reuse()
	gone.Reuse()
	if gone.Len() != 0 {
		t.Error("a body that is gone has bytes")
	}
	one, _ := readAll(t, size, 'b')
	other, _ := readAll(t, size, 'c')
	if bytes.Count(one.Bytes(), []byte("b")) != size || bytes.Count(other.Bytes(), []byte("c")) != size {
		t.Error("two bodies share memory")
	}
}
