package vectors

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

func TestDecode(t *testing.T) {
	for _, x := range []struct {
		name, body string
		want       [][]float32
		tokens     int64
	}{
		{"none", `{"model":"m","embeddings":[]}`, [][]float32{}, 0},
		{"one", `{"model":"m","embeddings":[[0.5,-0.25,1e-3]],"total_duration":4101017,"prompt_eval_count":12}`, [][]float32{{0.5, -0.25, 1e-3}}, 12},
		{"empty vector", `{"embeddings":[[],[1]]}`, [][]float32{{}, {1}}, 0},
		{"blanks and another order", " {\n\"prompt_eval_count\" : 3 ,\t\"embeddings\" : [ [ 1 , 2 ] , [3] ] }\n", [][]float32{{1, 2}, {3}}, 3},
		{"fields of no interest", `{"a":"\"}]","b":{"c":[1,{"d":null}],"e":true},"embeddings":[[1]],"f":[],"g":{}}`, [][]float32{{1}}, 0},
		{"members behind", `{"embeddings":[[1],[2]] , "prompt_eval_count":4}`, [][]float32{{1}, {2}}, 4},
		{"twice", `{"embeddings":[[1]],"embeddings":[[2]]}`, [][]float32{{2}}, 0},
		{"longer than the buffer", `{"embeddings":[[` + strings.Repeat(" 0.25 , 1E-2,\n", 20_000) + `-7]],"prompt_eval_count":4}`, [][]float32{append(slices.Repeat([]float32{0.25, 1e-2}, 20_000), -7)}, 4},
		{"negative count", `{"embeddings":[],"prompt_eval_count":-1}`, [][]float32{}, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(x.body), iotest.OneByteReader(strings.NewReader(x.body))} {
				e, err := Decode(r, 2)
				if err != nil || !reflect.DeepEqual(e.Vectors, x.want) || e.PromptTokens != x.tokens {
					t.Errorf("got %+v, %v, want %v and %d tokens", e, err, x.want, x.tokens)
				}
			}
		})
	}
}

func TestDecode_Failures(t *testing.T) {
	for name, body := range map[string]string{
		"empty":             ``,
		"null":              `null`,
		"cut in a number":   `{"embeddings":[[0.1,0.2`,
		"cut in a string":   `{"embeddi`,
		"cut in a list":     `{"embeddings":[[1],`,
		"no comma":          `{"embeddings":[[1 2]]}`,
		"comma too many":    `{"embeddings":[[1,]]}`,
		"comma at the end":  `{"embeddings":[[1]],}`,
		"no end":            `{"embeddings":[[1]]`,
		"no comma behind":   `{"embeddings":[[1]] "x":1}`,
		"no colon":          `{"embeddings"[[1]]}`,
		"one number":        `{"embeddings":1}`,
		"flat":              `{"embeddings":[1]}`,
		"leading zero":      `{"embeddings":[[01]]}`,
		"point at the end":  `{"embeddings":[[1.]]}`,
		"point first":       `{"embeddings":[[.5]]}`,
		"plus":              `{"embeddings":[[+1]]}`,
		"two points":        `{"embeddings":[[1.5.5]]}`,
		"exponent of none":  `{"embeddings":[[1e]]}`,
		"minus alone":       `{"embeddings":[[-]]}`,
		"too long a number": `{"embeddings":[[0.` + strings.Repeat("1", 2<<10) + `]]}`,
		"text in a vector":  `{"embeddings":[["1"]]}`,
		"null in a vector":  `{"embeddings":[[null]]}`,
		"not a number":      `{"embeddings":[[NaN]]}`,
		"infinite":          `{"embeddings":[[Inf]]}`,
		"too big a number":  `{"embeddings":[[1e39]]}`,
		"too many vectors":  `{"embeddings":[[1],[1],[1]]}`,
		"count is a text":   `{"prompt_eval_count":"3"}`,
		"too deep":          `{"x":` + strings.Repeat("[", 100_000),
		"too long a value":  `{"x":"` + strings.Repeat("x", 100_000) + `"}`,
	} {
		if e, err := Decode(strings.NewReader(body), 2); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %+v, %v, want ErrSyntax", name, e, err)
		}
	}
}

func TestDecode_ReadError(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(strings.NewReader(`{"embeddings":[[1,`), iotest.ErrReader(broken))
	if _, err := Decode(r, 1); !errors.Is(err, broken) || errors.Is(err, ErrSyntax) {
		t.Errorf("%v, want the reader's own error", err)
	}
}

func TestDecode_TooManyNumbers(t *testing.T) {
	r := io.MultiReader(strings.NewReader(`{"embeddings":[[`), strings.NewReader(strings.Repeat("1,", MaxNumbers)), strings.NewReader(`1]]}`))
	if _, err := Decode(r, 2); !errors.Is(err, ErrSyntax) {
		t.Errorf("%v, want ErrSyntax", err)
	}
}

// Numbers as Ollama writes them, of any size, and those near the middle between
// two float32, where rounding twice goes wrong.
func TestParseFloat32_Exact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		f := float32(random.NormFloat64())
		middle := (float64(f) + float64(math.Nextafter32(f, 9))) / 2
		odd := math.Float32frombits(random.Uint32())
		for _, s := range []string{
			strconv.FormatFloat(float64(f), 'g', -1, 32),
			strconv.FormatFloat(middle, 'f', 12+random.IntN(3), 64),
			strconv.FormatFloat(float64(odd), 'g', -1, 32),
			strconv.FormatFloat(float64(odd), 'f', random.IntN(9), 32),
			strconv.FormatInt(random.Int64N(1<<(1+random.IntN(62))), 10),
		} {
			wantSameFloat(t, s)
		}
	}
}

func wantSameFloat(t *testing.T, s string) {
	t.Helper()
	want, wantErr := strconv.ParseFloat(s, 32)
	if math.IsNaN(want) || math.IsInf(want, 0) {
		return
	}
	got, err := parseFloat32([]byte(s))
	if math.Float32bits(got) != math.Float32bits(float32(want)) || (err == nil) != (wantErr == nil) {
		t.Fatalf("parseFloat32(%q) = %v, %v, want %v, %v", s, got, err, float32(want), wantErr)
	}
}

func FuzzParseFloat32(f *testing.F) {
	for _, s := range []string{"", "0", "-0", "1.", ".5", "1..2", "16777217", "0.1", "1e5", "999999999999999", "9007199254740993", "1_0", "0x1p4"} {
		f.Add(s)
	}
	f.Fuzz(wantSameFloat)
}

// What encoding/json can read, Decode reads alike.
func FuzzDecode(f *testing.F) {
	f.Add(`[[0.1,-2e-3],[]]`, `"\u00e9\""`)
	f.Add(`[ ]`, `{"a":[{}],"b":"x"}`)
	f.Fuzz(func(t *testing.T, vectors, other string) {
		body := `{"other":` + other + `,"embeddings":` + vectors + `}`
		got, err := Decode(strings.NewReader(body), len(vectors))
		var want struct {
			Embeddings [][]json.Number
			Other      json.RawMessage
		}
		if json.Unmarshal([]byte(body), &want) != nil || strings.Contains(body, "null") || strings.ContainsAny(other, `\{[`) || len(body) > 30<<10 {
			return // outside the shape: not to panic is enough
		}
		for i, vector := range want.Embeddings {
			for j, number := range vector {
				f, parseErr := strconv.ParseFloat(number.String(), 32)
				if parseErr != nil {
					return
				}
				if err != nil || math.Float32bits(got.Vectors[i][j]) != math.Float32bits(float32(f)) {
					t.Fatalf("%s: %+v, %v, want %v", body, got, err, want.Embeddings)
				}
			}
		}
		if err != nil || len(got.Vectors) != len(want.Embeddings) {
			t.Fatalf("%s: %+v, %v, want %v", body, got, err, want.Embeddings)
		}
	})
}
