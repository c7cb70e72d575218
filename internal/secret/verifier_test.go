package secret

import (
	"sync"
	"testing"
)

func TestKeyVerifier_Repeated(t *testing.T) {
	v := NewKeyVerifier(10)
	a, b := NewKey(), NewKey()
	storedA, storedB := HashKey(a), HashKey(b)
	for range 2 {
		for _, c := range []struct {
			stored string
			key    Key
			want   bool
		}{
			{storedA, a, true},
			{storedB, b, true},
			{storedA, b, false},
			{storedB, a, false},
			{storedA, Key{ID: a.ID, Secret: b.Secret}, false},
			{storedA + "\n", a, false},
			{"", a, false},
			{HashKey(a), a, true}, // under another salt
		} {
			if got := v.Verify(c.stored, c.key); got != c.want {
				t.Errorf("%q, %v: %v", c.stored, c.key, got)
			}
		}
	}
}

func TestKeyVerifier_CachesMatchesOnly(t *testing.T) {
	v := NewKeyVerifier(10)
	good := NewKey()
	stored := HashKey(good)
	v.Verify(stored, good)
	for range 100 {
		v.Verify(stored, Key{ID: good.ID, Secret: NewKey().Secret})
	}
	if len(v.matched) != 1 {
		t.Errorf("%d entries", len(v.matched))
	}
	if _, known := v.matched[memoID(stored, good.Secret)]; !known {
		t.Error("guesses pushed the good key out")
	}
}

func TestKeyVerifier_Eviction(t *testing.T) {
	const most = 4
	v := NewKeyVerifier(most)
	keys := make(map[string]Key)
	for range 3 * most {
		k := NewKey()
		keys[HashKey(k)] = k
	}
	for range 2 {
		for stored, k := range keys {
			if !v.Verify(stored, k) {
				t.Errorf("%v was refused", k)
			}
			if len(v.matched) > most {
				t.Fatalf("%d entries", len(v.matched))
			}
		}
	}
}

func TestKeyVerifier_Concurrent(t *testing.T) {
	v := NewKeyVerifier(2)
	keys := [4]Key{NewKey(), NewKey(), NewKey(), NewKey()}
	var stored [len(keys)]string
	for i, k := range keys {
		stored[i] = HashKey(k)
	}
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 200 {
				s, k := (i+caller)%len(keys), i%len(keys)
				if got := v.Verify(stored[s], keys[k]); got != (s == k) {
					t.Errorf("hash %d, key %d: %v", s, k, got)
				}
			}
		})
	}
	callers.Wait()
}

func TestKeyVerifier_HitAllocs(t *testing.T) {
	v := NewKeyVerifier(1)
	k := NewKey()
	stored := HashKey(k)
	v.Verify(stored, k)
	if n := testing.AllocsPerRun(100, func() { v.Verify(stored, k) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
