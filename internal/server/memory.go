package server

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// How often the server looks whether it has memory to give back, and how much a burst must have allocated for that, bytes.
const (
	memoryCheck = 5 * time.Second
	burst       = 16 << 20
)

// returnMemory gives memory back to the system once a burst of large bodies or answers is over, until ctx ends. Left alone,
// the garbage collector begins when as much again is allocated, which on a server that nobody uses any more is never.
func returnMemory(ctx context.Context) {
	tick := time.NewTicker(memoryCheck)
	defer tick.Stop()
	var before, returned uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := allocated()
		if quiet := now-before < burst/4; quiet && now-returned > burst {
			debug.FreeOSMemory()
			returned = now
		}
		before = now
	}
}

// allocated returns how many bytes the process has allocated so far.
func allocated() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}
