package ollama

import (
	"bufio"
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"
)

// Whatever an upstream sends, a stream ends: with Done, or with an error of
// ours; and what it says can be sent on.
func FuzzNextPiece(f *testing.F) {
	f.Add([]byte(`{"message":{"content":"a"},"done":false}` + "\n" + `{"done":true,"eval_count":3}` + "\n"))
	f.Add([]byte("\n\r\n" + `{"error":"x"}`))
	f.Add([]byte(`{"message":{"content":"\ud800` + "\xff" + `"}}` + "\n" + `{"done":1}`))
	f.Add([]byte(`{"eval_count":-1,"prompt_eval_count":1e3,"done":true}`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		lines := bufio.NewScanner(bytes.NewReader(stream))
		for range bytes.Count(stream, []byte("\n")) + 2 {
			piece, err := nextPiece(lines)
			switch {
			case err != nil:
				if e := new(Error); !errors.As(err, &e) || e.Message == "" || !utf8.ValidString(e.Message) {
					t.Errorf("error %v", err)
				}
				return
			case !utf8.ValidString(piece.Content) || piece.PromptTokens < 0 || piece.CompletionTokens < 0:
				t.Errorf("piece %+v", piece)
			case piece.Done:
				return
			}
		}
		t.Error("more pieces than lines")
	})
}
