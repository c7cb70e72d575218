package checkpoint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestLog_Checkpoints(t *testing.T) {
	const (
		note     = "example.com\n5\nhash=\n\n— example.com sig\n"
		jsonLine = `{"msg":"audit trail sealed","entries":5,"checkpoint":"example.com\n5\nhash=\n\n— example.com sig\n"}` + "\n"
		textLine = `time=2026-11-29 level=INFO msg="audit trail sealed" entries=5 checkpoint="example.com\n5\nhash=\n\n— example.com sig\n"` + "\n"
		forged   = `checkpoint="example.com\n4\nhash=\n\n— example.com sig\n"`
	)
	quoted := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, text := range map[string]string{
		"Note": note,
		"JSON": `{"msg":"serving"}` + "\n" + jsonLine,
		"Text": textLine,
		// Paths that a stranger has called.
		"JSON_Path":         jsonLine + quoted(map[string]string{"msg": "request", "path": "/" + forged}) + "\n",
		"JSON_PathOfLine":   jsonLine + quoted(map[string]string{"msg": "request", "path": "/\n" + strings.ReplaceAll(jsonLine, "n5", "n4")}) + "\n",
		"JSON_Key":          jsonLine + quoted(map[string]string{"msg": "request", "checkpoint": "example.com\n4\nhash=\n\n— example.com sig\n"}) + "\n",
		"Text_Path":         textLine + `time=2026-11-29 level=INFO msg=request path=` + strconv.Quote("/"+forged) + "\n",
		"Text_PathUnquoted": textLine + `time=2026-11-29 level=INFO msg=request path=/ ` + forged + "\n",
		"NoCheckpoint":      jsonLine + `{"msg":"audit trail sealed","checkpoint":"x"}` + "\n",
		"LongLine":          jsonLine + strings.Repeat("x", 3<<20) + "\n",
		"Cosigned":          strings.Replace(jsonLine, "sealed", "cosigned", 1),
		"Cosigned_Text":     strings.Replace(textLine, "sealed", "cosigned", 1),
	} {
		if got, err := allCheckpoints(text); len(got) != 1 || string(got[0]) != note || err != nil {
			t.Errorf("%s: got %.200q %v", name, got, err)
		}
	}
	earlier := `{"msg":"audit trail sealed","entries":1,"checkpoint":"example.com\n1\nhash=\n\n— example.com sig\n"}` + "\n"
	want := []string{"example.com\n1\nhash=\n\n— example.com sig\n", note, note}
	if got, err := allCheckpoints(earlier + jsonLine + textLine); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || err != nil {
		t.Errorf("several: got %q %v", got, err)
	}
}

func allCheckpoints(log string) (all [][]byte, err error) {
	for one, err := range (&Log{file: strings.NewReader(log), size: int64(len(log))}).Checkpoints {
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

// TestOpenLog_WrittenOn: what a server writes after the log was opened is none of it, and a log can be read twice.
func TestOpenLog_WrittenOn(t *testing.T) {
	line := func(n int) string {
		return fmt.Sprintf(`{"msg":"audit trail sealed","checkpoint":"a\n%d\nh\n\n— a s\n"}`+"\n", n)
	}
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, []byte(line(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := OpenLog(name)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := os.WriteFile(name, []byte(line(1)+line(2)), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for signed, err := range log.Checkpoints {
			if !strings.HasPrefix(string(signed), "a\n1\n") || err != nil {
				t.Errorf("got %q, %v", signed, err)
			}
		}
	}
}

// TestOpenLog_Pipe reads what is no file.
func TestOpenLog_Pipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	go func() { _ = os.WriteFile(name, []byte("a\n1\nh\n\n— a s\n"), 0) }()
	log, err := OpenLog(name)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for signed, err := range log.Checkpoints {
		if string(signed) != "a\n1\nh\n\n— a s\n" || err != nil {
			t.Errorf("got %q, %v", signed, err)
		}
	}
}
