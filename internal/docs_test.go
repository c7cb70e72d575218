package internal_test

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	// goTest is how the documents name a test: auth.TestLogin_RefreshCookie, of a package below internal, or cmd/paddock.TestServe_Prod.
	goTest = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Fuzz)[A-Z]\w*)$`)
	// pageTest is how they name one of the page's: its file and its title.
	pageTest = regexp.MustCompile(`^(ui/\S+\.(?:spec|test)\.tsx?): (.+)$`)
	// repositoryFile is a path below one of the repository's folders.
	repositoryFile = regexp.MustCompile(`^(?:\.github|cmd|deploy|docs|ent|internal|proto|scripts|ui)/[\w./-]+$`)
	goTestFunc     = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
	// docLink is a link to a heading of a document in docs; the document's name is empty for the same one.
	docLink = regexp.MustCompile(`\]\(([A-Z]+\.md)?#([\w-]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// foundTests are the names of the tests in a folder, by folder.
var foundTests = map[string][]string{}

// testsOf returns the names of the tests in a folder.
func testsOf(t *testing.T, folder string) []string {
	t.Helper()
	if names, known := foundTests[folder]; known {
		return names
	}
	var names []string
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, m := range goTestFunc.FindAllStringSubmatch(readText(t, file), -1) {
			names = append(names, m[1])
		}
	}
	foundTests[folder] = names
	return names
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasHeading reports whether a document in docs has a heading that a link leads to, as GitHub makes links of headings.
func hasHeading(t *testing.T, document, link string) bool {
	t.Helper()
	for _, m := range heading.FindAllStringSubmatch(readText(t, filepath.Join("../docs", document)), -1) {
		words := strings.Map(func(r rune) rune {
			if r == ' ' || r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		if strings.ReplaceAll(words, " ", "-") == link {
			return true
		}
	}
	return false
}

// evidence returns how many tests, and how many files and headings, a document's text names, and reports those that do not exist.
func evidence(t *testing.T, document, text string) (tests, others int) {
	t.Helper()
	for _, m := range docLink.FindAllStringSubmatch(text, -1) {
		others++
		if !hasHeading(t, cmp.Or(m[1], document), m[2]) {
			t.Errorf("there is no heading %s#%s", m[1], m[2])
		}
	}
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		if test := goTest.FindStringSubmatch(m[1]); test != nil {
			tests++
			if !slices.Contains(testsOf(t, test[1]), test[2]) && !slices.Contains(testsOf(t, filepath.Join("internal", test[1])), test[2]) {
				t.Errorf("there is no test %s", m[1])
			}
		} else if test := pageTest.FindStringSubmatch(m[1]); test != nil {
			tests++
			if !strings.Contains(readText(t, filepath.Join("..", test[1])), "test('"+test[2]+"'") {
				t.Errorf("there is no test %s", m[1])
			}
		} else if repositoryFile.MatchString(m[1]) {
			others++
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("there is no %s", m[1])
			}
		}
	}
	return tests, others
}

// TestSecurityDoc_Promises checks that each promise in docs/SECURITY.md names tests that show it, and that those exist.
func TestSecurityDoc_Promises(t *testing.T) {
	const document = "SECURITY.md"
	text := readText(t, "../docs/"+document)
	evidence(t, document, text)
	_, promises, found := strings.Cut(text, "\n## What Paddock promises\n")
	promises, _, ended := strings.Cut(promises, "\n## ")
	if !found || !ended {
		t.Fatal("docs/SECURITY.md has no section of promises, with another one after it")
	}
	items := strings.Split(promises, "\n- ")[1:]
	if len(items) < 30 {
		t.Errorf("%d promises", len(items))
	}
	for _, item := range items {
		if tests, _ := evidence(t, document, item); tests == 0 {
			t.Errorf("no test shows this: %s", item)
		}
	}
}

// asvsChapters is how many requirements of levels 1 and 2 each chapter of ASVS 5.0.0 has that applies to Paddock.
var asvsChapters = map[int]int{
	1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 7, 9: 7, 11: 14, 12: 9, 13: 13, 14: 9, 15: 13, 16: 16,
}

var asvsStates = []string{"met", "partly", "not met", "does not apply"}

// TestASVSDoc_Requirements checks that docs/ASVS.md answers each requirement once, and that what is met names a test, a file or a
// document that exists.
func TestASVSDoc_Requirements(t *testing.T) {
	text := readText(t, "../docs/ASVS.md")
	row := regexp.MustCompile(`(?m)^\| (\d+)\.(\d+)\.(\d+) \| ([12]) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$`)
	counts, states, before := map[int]int{}, map[string]int{}, []int{}
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		var number []int
		for _, part := range m[1:4] {
			n, _ := strconv.Atoi(part)
			number = append(number, n)
		}
		if slices.Compare(before, number) >= 0 {
			t.Errorf("%v stands after %v", number, before)
		}
		before = number
		counts[number[0]]++
		states[m[6]]++
		tests, others := evidence(t, "ASVS.md", m[7])
		switch {
		case !slices.Contains(asvsStates, m[6]):
			t.Errorf("%v is %q", number, m[6])
		case m[6] == "met" && tests+others == 0:
			t.Errorf("%v is met, and nothing shows it: %s", number, m[7])
		case strings.TrimSpace(m[7]) == "":
			t.Errorf("%v is %s, and nothing says why", number, m[6])
		}
	}
	if !maps.Equal(counts, asvsChapters) {
		t.Errorf("requirements by chapter %v, want %v", counts, asvsChapters)
	}
	for _, state := range asvsStates {
		if said := "| " + state + " | " + strconv.Itoa(states[state]) + " |"; !strings.Contains(text, said) {
			t.Errorf("%d are %s, and the summary says otherwise", states[state], state)
		}
	}
}
