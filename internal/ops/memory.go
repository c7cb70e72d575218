package ops

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// ReturnMemory returns freed memory to the operating system while the server is idle, checking every interval until ctx ends. By
// itself, the garbage collector runs when as much memory again has been allocated, which after a burst of large bodies or responses
// may be never. A check without effect costs a millisecond.
func ReturnMemory(ctx context.Context, interval time.Duration) {
	const (
		idle  = 4 << 20  // at most so many bytes allocated since the last check
		worth = 16 << 20 // so many bytes more resident than at the least
	)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	allocatedBefore, least := memory()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		allocated, resident := memory()
		least = min(least, resident)
		if allocated-allocatedBefore < idle && resident > least+worth {
			debug.FreeOSMemory()
		}
		allocatedBefore = allocated
	}
}

// memory returns how many bytes the process has allocated so far, and how many the runtime has from the operating system.
func memory() (allocated, resident uint64) {
	samples := []runtimemetrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	runtimemetrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64() - samples[2].Value.Uint64()
}
