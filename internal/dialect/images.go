package dialect

import (
	"bytes"

	"github.com/paddock-gate/paddock/internal/rawjson"
)

// IsImageKey reports whether images stand under a key, as it is quoted, in any dialect. Members are to be taken apart with it.
func IsImageKey(quoted []byte) bool {
	switch string(quoted) {
	case `"images"`, `"image_url"`, `"source"`:
		return true
	}
	return false
}

// Images counts the images in a field of a request, and the bytes of their data. They are where the dialect has them, and
// nowhere else: what only looks like one is text, which a model may read.
func (d Dialect) Images(field rawjson.Member) (n, size int) {
	count := func(data []byte) {
		if data[0] == '"' {
			n, size = n+1, size+len(data)
		}
	}
	switch {
	case field.Key == "images":
		for data := range rawjson.Elements(field.Value) {
			count(data)
		}
	case d == Responses && field.Key == "input" && field.Marked:
		for item := range rawjson.Elements(field.Value) {
			d.imageParts(rawjson.Find(item, "content"), count)
			d.imageParts(rawjson.Find(item, "output"), count)
		}
	case field.Key != "messages" || !field.Marked:
	case d == Ollama:
		for message := range rawjson.Elements(field.Value) {
			for data := range rawjson.Elements(rawjson.Find(message, "images")) {
				count(data)
			}
		}
	default:
		for message := range rawjson.Elements(field.Value) {
			d.imageParts(rawjson.Find(message, "content"), count)
		}
	}
	return n, size
}

// imageParts calls count with the data of each image among the parts of a message.
func (d Dialect) imageParts(parts []byte, count func(data []byte)) {
	for part := range rawjson.Elements(parts) {
		if d == Anthropic {
			count(rawjson.Find(rawjson.Find(part, "source"), "data"))
			for result := range rawjson.Elements(rawjson.Find(part, "content")) {
				count(rawjson.Find(rawjson.Find(result, "source"), "data"))
			}
			continue
		}
		url := rawjson.Find(part, "image_url")
		if url[0] == '{' {
			url = rawjson.Find(url, "url")
		}
		if bytes.HasPrefix(url, []byte(`"data:`)) {
			count(url)
		}
	}
}
