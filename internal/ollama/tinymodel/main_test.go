package main

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestModelsAreTheSameInEveryRun(t *testing.T) {
	for name, build := range map[string]func() *gguf{
		"chat":  func() *gguf { return chatModel("tiny-chat", 1) },
		"embed": embedModel,
	} {
		if !bytes.Equal(build().bytes(), build().bytes()) {
			t.Errorf("%s differs", name)
		}
	}
}

// Every model that a Modelfile is written for takes its weights from a file that
// is written, too.
func TestModelfilesNameFilesThatExist(t *testing.T) {
	folder := t.TempDir()
	if err := write(folder); err != nil {
		t.Fatal(err)
	}
	files := modelfiles()
	want := []string{"tiny-chat", "tiny-embed", "tiny-loop", "tiny-slow", "tiny-stuck", "tiny-think", "tiny-tools"}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("models %q, want %q", got, want)
	}
	for name, text := range files {
		from, _, _ := strings.Cut(strings.TrimPrefix(text, "FROM "), "\n")
		if _, err := os.Stat(filepath.Join(folder, from)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The file is as long as its header says: its tensors fill it to the end.
func TestFilesHoldWhatTheyDescribe(t *testing.T) {
	for name, g := range map[string]*gguf{"chat": chatModel("tiny-chat", 1), "embed": embedModel()} {
		b := g.bytes()
		var header struct {
			Magic         [4]byte
			Version       uint32
			Tensors, Keys uint64
		}
		if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, &header); err != nil {
			t.Fatal(err)
		}
		if string(header.Magic[:]) != "GGUF" || header.Version != 3 || header.Tensors != uint64(len(g.tensors)) || header.Keys != g.keys {
			t.Errorf("%s: header %+v", name, header)
		}
		var data uint64
		for _, tensor := range g.tensors {
			data += roundUp(4 * uint64(len(tensor.data)))
		}
		first := g.tensors[0].data
		start := uint64(len(b)) - data
		if start%ggufAlignment != 0 {
			t.Errorf("%s: tensors start at %d", name, start)
		}
		got := make([]float32, len(first))
		if _, err := binary.Decode(b[start:], binary.LittleEndian, got); err != nil || !slices.Equal(got, first) {
			t.Errorf("%s: the first tensor is not where it is described: %v", name, err)
		}
	}
}

// Following the chain from a start token spells its text, so every token has the
// one successor that is meant.
func TestChatModelSpellsItsChains(t *testing.T) {
	v := newVocabulary()
	for _, c := range chains {
		token := slices.Index(v.tokens, c.start)
		var spelt strings.Builder
		for range c.words {
			token = v.next[v.state[token]]
			switch {
			case token >= firstByte && token < blankToken:
				spelt.WriteByte(byte(token - firstByte))
			default:
				spelt.WriteString(strings.ReplaceAll(v.tokens[token], "▁", " "))
			}
		}
		if want := strings.Join(c.words, ""); spelt.String() != want {
			t.Errorf("%s spells %q, want %q", c.start, spelt.String(), want)
		}
		if last := v.next[v.state[token]]; c.loop == (last == endToken) {
			t.Errorf("%s ends with %q", c.start, v.tokens[last])
		}
	}
	if len(v.next) > chatLength {
		t.Errorf("%d states do not fit %d dimensions", len(v.next), chatLength)
	}
}
