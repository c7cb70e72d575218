// Package ui is the web page: built by `make ui` from the TypeScript beside this file, and embedded in the program.
package ui

import (
	"embed"
	"html"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// notBuilt stands in for a page that was not built.
const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Paddock</title>
<p>This program was built without its web page: <code>make build</code> builds both, and needs Node.js for the page.
<p>The API is here, and so is <a href="/docs">its documentation</a>.
`

// Built reports whether the page was built, and is in the program.
func Built() bool {
	_, err := fs.Stat(dist, "dist/"+index)
	return err == nil
}

// Handler serves the page. The page calls the server at apiBase, such as "http://127.0.0.1:8080"; empty leaves that as it
// was built (VITE_API_BASE), which is usually the server that the page comes from.
//
// The root answers the page to everybody. Every other address that may be one of the page's answers it too, for its own
// router knows the rest; but only to who asks for HTML, so that a mistyped call is never answered with a page.
func Handler(apiBase string) http.Handler {
	files := load(apiBase)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		f, isFile := files[name]
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.NotFound(w, r)
		case isFile:
			f.serve(w, r)
		case name != "" && (!isPage(name) || !strings.Contains(r.Header.Get("Accept"), "text/html")):
			http.NotFound(w, r)
		case files[index] == nil:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if name != "" {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = w.Write([]byte(notBuilt)) // the client has gone
		default:
			files[index].serve(w, r)
		}
	})
}

// isPage reports whether the path may be an address of the page's router. Services and files have a dot in their first
// segment; the others are known.
func isPage(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".") && !slices.Contains([]string{"api", "assets", "docs", "v1"}, first)
}

const index = "index.html"

// apiBaseMeta is where the page reads the server's address from.
var apiBaseMeta = regexp.MustCompile(`<meta name="paddock-api-base" content="[^"]*"`)

// load reads what was built, by path; there is nothing when nothing was.
func load(apiBase string) map[string]*file {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // dist is a valid path
	}
	files := map[string]*file{}
	err = fs.WalkDir(built, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == ".gitkeep" || path.Ext(name) == ".br" {
			return err
		}
		files[name] = newFile(name, func() (content, brotli []byte) {
			content, _ = fs.ReadFile(built, name) // what is embedded can be read
			if name == index && apiBase != "" {
				meta := `<meta name="paddock-api-base" content="` + html.EscapeString(apiBase) + `"`
				content = apiBaseMeta.ReplaceAllLiteral(content, []byte(meta))
			}
			brotli, _ = fs.ReadFile(built, name+".br") // most have none
			return content, brotli
		})
		return nil
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
	return files
}
