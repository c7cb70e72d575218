package ops

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// ReturnMemory gives memory back to the system while the server is quiet, every interval until ctx ends. Left alone, the
// garbage collector begins when as much again has been allocated, which after a burst of large bodies or answers may be never.
// A look while nothing is to be gained costs a millisecond.
func ReturnMemory(ctx context.Context, interval time.Duration) {
	const (
		quiet = 4 << 20  // allocated at most since the last look, bytes
		much  = 16 << 20 // more than has ever been enough, bytes
	)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	allocatedBefore, enough := memory()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		allocated, resident := memory()
		enough = min(enough, resident)
		if allocated-allocatedBefore < quiet && resident > enough+much {
			debug.FreeOSMemory()
		}
		allocatedBefore = allocated
	}
}

// memory returns how many bytes the process has allocated so far, and how many of them the runtime has of the system's.
func memory() (allocated, resident uint64) {
	samples := []runtimemetrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	runtimemetrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64() - samples[2].Value.Uint64()
}
