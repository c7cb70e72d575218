package secret

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// request asks for a tag. Length bytes follow, the password.
type request struct {
	ID     uint32
	Params Params
	Salt   [saltLen]byte
	Length uint32
}

// answer is a request's tag.
type answer struct {
	ID  uint32
	Sum [sumLen]byte
}

const (
	// maxLength is more than any password that gets here: bodies of sign-ins are smaller.
	maxLength = 1 << 20
	// idleAfter is how long after the last hash ServeHashes returns its memory to the system.
	idleAfter = 10 * time.Second
)

// ServeHashes hashes the passwords that requests asks for, all at once, until it ends: Hasher.HashApart is at the other end. It expects
// GOGC to be off, and takes no more memory than the hashes that run need.
func ServeHashes(requests io.Reader, answers io.Writer) error {
	var answering sync.Mutex // and collecting the hash's memory, which the next one takes
	idle := time.AfterFunc(idleAfter, debug.FreeOSMemory)
	defer idle.Stop()
	for {
		r, plain, err := readRequest(requests)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			answering.Lock()
			idle.Reset(idleAfter)
			answering.Unlock()
			sum := r.Params.derive(plain, r.Salt)
			clear(plain)
			answering.Lock()
			defer answering.Unlock()
			_ = binary.Write(answers, binary.BigEndian, answer{r.ID, sum}) // who has left has closed requests, too
			runtime.GC()
		}()
	}
}

func readRequest(from io.Reader) (r request, plain []byte, err error) {
	if err := binary.Read(from, binary.BigEndian, &r); err != nil {
		return r, nil, err
	}
	if err := r.Params.Validate(); err != nil {
		return r, nil, err
	}
	if r.Length > maxLength {
		return r, nil, fmt.Errorf("a password of %d bytes", r.Length)
	}
	plain = make([]byte, r.Length)
	_, err = io.ReadFull(from, plain)
	return r, plain, err
}
