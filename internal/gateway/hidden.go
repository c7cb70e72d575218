package gateway

import (
	"bytes"
	"regexp"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/rawjson"
)

// What Ollama says of a model is shown as it is, but for what names a place on its server or in its network: the lines of
// a Modelfile that name a file, and every text, however deep, that is a path or an address. Texts that are the model's own
// words, or that its makers gave it, may look like anything.

// ownWords are the members of a model that are shown as they are.
var ownWords = map[string]bool{
	"license": true, "template": true, "system": true, "parameters": true, "messages": true, "tensors": true, "modelfile": true,
	"name": true, "model": true, "remote_model": true, // names that callers use
}

// publicHost is where cloud models run, as a server lists it.
const publicHost = `"https://ollama.com:443"`

// withoutPaths returns what Ollama says of a model, without where its files are.
func withoutPaths(object []byte, model string) ([]byte, error) {
	all, err := rawjson.Members(object, nil)
	if err != nil {
		return nil, ollama.ErrNonsense
	}
	for i, m := range all {
		switch {
		case m.Key == "modelfile" && m.Value[0] == '"':
			all[i].Value = rawjson.Quote(withoutFiles(rawjson.Unquote(m.Value), model))
		case !ownWords[m.Key]:
			all[i].Value = rawjson.MapStrings(m.Value, hidePlace)
		}
	}
	return rawjson.AppendObject(nil, all), nil
}

// hidePlace returns a text, unless it names a place on the server: then an empty one.
func hidePlace(quoted []byte) []byte {
	if isPlace(quoted) {
		return []byte(`""`)
	}
	return quoted
}

// place matches what names a file or a host inside: an absolute path or one that looks relative, the path of a blob, a URL, an
// IP address, and a host with a port.
var place = regexp.MustCompile(`(?i)^(?:[/~\\]|\.{1,2}[/\\]|[a-z]:[/\\]|file:)|(?:^|[/\\])blobs[/\\]+sha256-|://` +
	`|\b\d{1,3}(?:\.\d{1,3}){3}\b|^\[?[0-9a-f]*(?::[0-9a-f]*){2,7}\]?(?::\d+)?$|^[a-z0-9.-]+:\d{4,5}$`)

// publicURL matches the address of a site that a model's makers may have given it, and privateName hosts that are no such site.
var (
	publicURL   = regexp.MustCompile(`(?i)^https?://(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/|$)`)
	privateName = regexp.MustCompile(`(?i)\.(?:local|localdomain|internal|intranet|lan|corp|home|svc)(?:/|$)`)
)

// isPlace reports whether a quoted text is the path of a file or an address inside.
func isPlace(quoted []byte) bool {
	if len(quoted) > 4<<10 || string(quoted) == publicHost {
		return false
	}
	text := bytes.Trim(quoted, `"`)
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(rawjson.Unquote(quoted))
	}
	return place.Match(text) && (!publicURL.Match(text) || privateName.Match(text))
}

// fileLine matches the instructions of a Modelfile that name a file in the place of a model.
var fileLine = regexp.MustCompile(`(?i)^\s*(FROM|ADAPTER|DRAFT)\s+"?(.*?)"?\s*$`)

// withoutFiles returns a Modelfile that names the model where it would name a file. What stands between three quotes are words.
func withoutFiles(modelfile, model string) string {
	lines := bytes.Split([]byte(modelfile), []byte("\n"))
	words := false
	for i, line := range lines {
		quoted := bytes.Count(line, []byte(`"""`))%2 == 1
		if m := fileLine.FindSubmatch(line); m != nil && !words && place.Match(m[2]) {
			lines[i] = []byte(string(m[1]) + " " + model)
		}
		words = words != quoted
	}
	return string(bytes.Join(lines, []byte("\n")))
}
