package gateway

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// What Ollama tells about a model is shown as it is, but for what names a place on its server or in its network: the lines of
// a Modelfile that name a file, and every text in the model itself or its details that is a path or an address.

// wordsOfModels are the texts that are a model's own and may look like anything.
var wordsOfModels = map[string]bool{"license": true, "modelfile": true, "template": true, "system": true, "parameters": true}

// publicHost is where cloud models run, as a server lists it.
const publicHost = `"https://ollama.com:443"`

// withoutPaths returns what Ollama tells about a model without where its files are.
func withoutPaths(object []byte, model string) ([]byte, error) {
	all, err := members(object)
	if err != nil {
		return nil, ollama.ErrNonsense
	}
	for i, m := range all {
		switch {
		case m.key == "modelfile" && m.value[0] == '"':
			named := filePath.ReplaceAllString(unquote(m.value), "$1 "+model)
			all[i].value, _ = json.Marshal(named) // a string always marshals
		case m.key == "details" && m.value[0] == '{':
			details, err := members(m.value)
			if err != nil {
				return nil, ollama.ErrNonsense
			}
			all[i].value = encodeObject(hidePaths(details))
		}
	}
	return encodeObject(hidePaths(all)), nil
}

// hidePaths empties the texts that name a place on the server.
func hidePaths(all []member) []member {
	for i, m := range all {
		if m.value[0] == '"' && !wordsOfModels[m.key] && isPlace(m.value) {
			all[i].value = []byte(`""`)
		}
	}
	return all
}

// filePath matches the lines of a Modelfile that name a file in the place of a model: by an absolute path or one that looks
// relative, or as a blob below a relative OLLAMA_MODELS.
var filePath = regexp.MustCompile(`(?mi)^(FROM|ADAPTER) +"?(?:[/~.\\]|[a-z]:\\|.*[/\\]blobs[/\\]+sha256-).*$`)

// isPlace reports whether a quoted text is the path of a file or an address.
func isPlace(quoted []byte) bool {
	return filePath.Match(append([]byte("FROM "), quoted...)) || bytes.Contains(quoted, []byte("://")) && string(quoted) != publicHost
}
