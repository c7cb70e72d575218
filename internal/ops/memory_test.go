package ops

import (
	"runtime/debug"
	"testing"
	"time"
)

// TestReturnMemory_HeldThenLeft: memory is returned also if calls that waited had kept it for long, and nothing was allocated after.
func TestReturnMemory_HeldThenLeft(t *testing.T) {
	debug.FreeOSMemory() // what other tests have left
	go ReturnMemory(t.Context(), 20*time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	_, before := memory()
	bodies := make([][]byte, 0, 16)
	for range 16 {
		bodies = append(bodies, make([]byte, 16<<20))
	}
	for _, b := range bodies {
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
	time.Sleep(200 * time.Millisecond) // looks are taken meanwhile
	if _, held := memory(); held < before+200<<20 {
		t.Fatalf("%d bytes before, %d while bodies are held", before, held)
	}
	clear(bodies)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, after := memory(); after < before+32<<20 {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("%d bytes before, %d after", before, after)
		}
	}
}
