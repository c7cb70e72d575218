package relay_test

import (
	"math"
	"testing"

	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/usage"
)

// TestMeter_Believes checks how far an upstream's counts are believed.
func TestMeter_Believes(t *testing.T) {
	const template, hidden = 16 << 10, 32 << 10
	hi := relay.Prompt{Text: 30, Given: true}
	for _, c := range []struct {
		name            string
		kind            usage.Kind
		prompt          relay.Prompt
		limit, received int64
		counted, want   [2]int64
		exact           bool
	}{
		{"an honest count", usage.Chat, hi, 100, 400, [2]int64{11, 27}, [2]int64{11, 27}, true},
		{"all of the limit", usage.Chat, hi, 100, 400, [2]int64{11, 100}, [2]int64{11, 100}, true},
		{"a long system message of the model's", usage.Chat, hi, 100, 400, [2]int64{9000, 27}, [2]int64{9000, 27}, true},
		{"thinking that is not shown", usage.Chat, hi, 0, 400, [2]int64{11, 30_000}, [2]int64{11, 30_000}, true},
		{"a large image", usage.Chat, relay.Prompt{Text: 3100, Images: 1, Given: true}, 100, 400, [2]int64{16_400, 27}, [2]int64{16_400, 27}, true},
		{"many short messages", usage.Chat, relay.Prompt{Text: 5000, Parts: 5000, Given: true}, 100, 400, [2]int64{100_000, 27}, [2]int64{100_000, 27}, true},
		{"a token a byte", usage.Embed, relay.Prompt{Text: 1 << 20, Given: true}, 0, 400, [2]int64{1 << 20, 0}, [2]int64{1 << 20, 0}, true},
		{"more than the limit", usage.Chat, hi, 100, 400, [2]int64{11, 101}, [2]int64{11, 100}, false},
		{"more than a prompt can be", usage.Chat, hi, 100, 400, [2]int64{1 << 40, 27}, [2]int64{30 + template, 27}, false},
		{"more than an answer can be", usage.Chat, hi, 0, 400, [2]int64{11, 1 << 40}, [2]int64{11, 400 + hidden}, false},
		{"as much, of a long answer", usage.Generate, hi, 0, 1 << 20, [2]int64{11, math.MaxInt64}, [2]int64{11, 1<<20 + hidden}, false},
		{"below 0", usage.Chat, hi, 100, 400, [2]int64{-1 << 40, 27}, [2]int64{0, 27}, false},
		{"an answer of vectors", usage.Embed, hi, 0, 400, [2]int64{11, 1 << 40}, [2]int64{11, 0}, false},
	} {
		m := relay.NewMeter(c.kind, c.prompt, c.limit)
		m.Received = c.received
		known := m.Count(c.counted[0], c.counted[1])
		got := m.Cost()
		if !known || [2]int64{got.PromptTokens, got.CompletionTokens} != c.want || got.Exact != c.exact {
			t.Errorf("%s: %+v, want %v, exact: %t", c.name, got, c.want, c.exact)
		}
	}
}

// TestMeter_NotCounted checks that counts that say nothing leave it at an estimate, within the limit.
func TestMeter_NotCounted(t *testing.T) {
	for name, counted := range map[string][2]int64{"no counts": {0, 0}, "below 0": {-5, -7}} {
		m := relay.NewMeter(usage.Chat, relay.Prompt{Text: 30, Given: true}, 100)
		m.Outcome, m.Produced, m.Received = usage.OK, 150, 1<<20
		if m.Count(counted[0], counted[1]) {
			t.Errorf("%s are known", name)
		}
		if c := m.Cost(); c.PromptTokens != 10 || c.CompletionTokens != 100 || c.Exact {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
