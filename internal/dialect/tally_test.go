package dialect

import "testing"

// TestTally_Pieces checks that counts are found in pieces of any size, cut in the middle of a name or a number.
func TestTally_Pieces(t *testing.T) {
	for _, c := range []struct {
		dialect            Dialect
		body               string
		prompt, completion int64
	}{
		{Ollama, `{"message":{"tool_calls":[{"arguments":{"eval_count":5}}]},"prompt_eval_count":213,"eval_count":40961}`, 213, 40961},
		{Ollama, `{"message":{"content":"\"eval_count\":7"},"eval_count":40961,"logprobs":[` + `{"token":"x","logprob":-0.5,"bytes":[120]},{"token":"x","logprob":-0.5,"bytes":[120]}]}`, 0, 40961},
		{OpenAI, `{"choices":[],"usage":{"prompt_tokens":213,"completion_tokens":1234567890123,"total_tokens":1234567890336}}`, 213, 1234567890123},
		{Anthropic, `{"content":[],"usage":{"input_tokens":1,"output_tokens":2}}`, 1, 2},
		{OpenAI, `{"choices": [], "usage": {"prompt_tokens": 213, "completion_tokens": 1234567890123, "total_tokens": 1234567890336}}`, 213, 1234567890123},
		{Ollama, `{}`, 0, 0},
	} {
		for size := range len(c.body) {
			found := NewTally(c.dialect)
			for rest := c.body; rest != ""; {
				n := min(size+1, len(rest))
				if written, err := found.Write([]byte(rest[:n])); written != n || err != nil {
					t.Fatal(written, err)
				}
				rest = rest[n:]
			}
			if found.prompt.n != c.prompt || found.completion.n != c.completion {
				t.Errorf("%s in pieces of %d: %d and %d", c.body, size+1, found.prompt.n, found.completion.n)
			}
		}
	}
}
