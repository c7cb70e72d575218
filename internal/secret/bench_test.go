package secret

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkVerify compares a known user with an unknown one, alone and with every slot taken all the time. "of-slots"
// is hashes a second ÷ (slots ÷ the time of one hash alone); the aim is 0.92.
func BenchmarkVerify(b *testing.B) {
	h := NewHasher(PasswordParams, 0)
	alone := map[string]float64{}
	for name, stored := range map[string]string{"known": known[0].stored, "unknown": ""} {
		b.Run("alone/"+name, func(b *testing.B) {
			for b.Loop() {
				if ok, err := h.Verify(b.Context(), Newcomer, stored, known[0].password); ok != (stored != "") || err != nil {
					b.Fatal(ok, err)
				}
			}
			alone[name] = b.Elapsed().Seconds() / float64(b.N)
		})
	}
	b.Run("saturated", saturate(h, alone["known"]))
	apart := NewHasher(PasswordParams, 0)
	defer apart.HashApart(b.Context(), testBinary, slog.New(slog.DiscardHandler))()
	b.Run("saturated, apart", saturate(apart, alone["known"]))
}

func saturate(h *Hasher, alone float64) func(b *testing.B) {
	return func(b *testing.B) {
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.Verify(b.Context(), Newcomer, known[0].stored, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
		rate := float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(rate, "hashes/s")
		b.ReportMetric(rate*alone/float64(h.slots.all), "of-slots")
	}
}

// BenchmarkHTTPDuringLogins is a small HTTP call, once a millisecond, without and with a flood of logins. The aim is a p95
// in the flood of at most twice the quiet one.
func BenchmarkHTTPDuringLogins(b *testing.B) {
	h := NewHasher(PasswordParams, 0)
	body := make([]byte, 64<<10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sum := sha256.Sum256(body)
		_, _ = w.Write(sum[:])
	}))
	defer srv.Close()
	call := func(b *testing.B) {
		took := make([]time.Duration, 0, b.N)
		for range b.N {
			time.Sleep(time.Millisecond)
			start := time.Now()
			resp, err := srv.Client().Get(srv.URL)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		for name, q := range map[string]int{"p50-µs": 50, "p95-µs": 95, "p99-µs": 99} {
			b.ReportMetric(float64(took[(len(took)-1)*q/100].Microseconds()), name)
		}
	}
	b.Run("quiet", call)
	b.Run("flood", func(b *testing.B) {
		defer flood(b, h)()
		call(b)
	})
	b.Run("flood, apart", func(b *testing.B) {
		h := NewHasher(PasswordParams, 0)
		defer h.HashApart(b.Context(), testBinary, slog.New(slog.DiscardHandler))()
		defer flood(b, h)()
		call(b)
	})
}

// flood keeps every slot busy until the returned function is called.
func flood(b *testing.B, h *Hasher) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var callers sync.WaitGroup
	for range 8 * h.slots.all {
		callers.Go(func() {
			for ctx.Err() == nil {
				_, _ = h.Verify(ctx, Newcomer, "", "wrong")
			}
		})
	}
	return func() { cancel(); callers.Wait() }
}

func BenchmarkParseKey(b *testing.B) {
	s := fixed + fixedChecksum
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseKey(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeyVerifier(b *testing.B) {
	v := NewKeyVerifier(10_000)
	k := NewKey()
	stored := HashKey(k)
	wrong := NewKey()
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.Verify(stored, k)
		}
	})
	b.Run("hit in parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				v.Verify(stored, k)
			}
		})
	})
	b.Run("miss", func(b *testing.B) {
		for b.Loop() {
			v.Verify(stored, wrong)
		}
	})
}

func BenchmarkCheckPassword(b *testing.B) {
	for b.Loop() {
		_ = CheckPassword("correct horse battery staple", 12, "ada.lovelace@example.com", "Ada Lovelace")
	}
}
