package gateway

import "bytes"

// imageText is the text that an image counts as: it costs a model some thousand tokens, however long its base64 is.
const imageText = 3 << 10

// isImageKey tells whether images stand under a key, as it is quoted, in any dialect.
func isImageKey(quoted []byte) bool {
	switch string(quoted) {
	case `"images"`, `"image_url"`, `"source"`:
		return true
	}
	return false
}

// images counts the images in a field of a request, and the bytes of their data. They are where the dialect has them, and
// nowhere else: what only looks like one is text, which a model may read.
func (d Dialect) images(field member) (n, size int) {
	count := func(data []byte) {
		if data[0] == '"' {
			n, size = n+1, size+len(data)
		}
	}
	switch {
	case field.key == "images":
		each(field.value, count)
	case d == Responses && field.key == "input" && field.image:
		each(field.value, func(item []byte) {
			d.imageParts(find(item, "content"), count)
			d.imageParts(find(item, "output"), count)
		})
	case field.key != "messages" || !field.image:
	case d == Ollama:
		each(field.value, func(message []byte) { each(find(message, "images"), count) })
	default:
		each(field.value, func(message []byte) { d.imageParts(find(message, "content"), count) })
	}
	return n, size
}

// imageParts calls count with the data of each image among the parts of a message.
func (d Dialect) imageParts(parts []byte, count func(data []byte)) {
	each(parts, func(part []byte) {
		if d == Anthropic {
			count(find(find(part, "source"), "data"))
			each(find(part, "content"), func(result []byte) { count(find(find(result, "source"), "data")) })
			return
		}
		url := find(part, "image_url")
		if url[0] == '{' {
			url = find(url, "url")
		}
		if bytes.HasPrefix(url, []byte(`"data:`)) {
			count(url)
		}
	})
}

// each calls f with every element of a list that members has passed; anything else has none.
func each(list []byte, f func(element []byte)) {
	if list[0] != '[' {
		return
	}
	s := scanner{in: list, at: 1, checked: true}
	for !s.accept(']') {
		s.accept(',')
		s.blanks()
		begin := s.at
		if s.value(0) != nil {
			return
		}
		f(list[begin:s.at])
	}
}

// firstElements takes a list apart; ok is false when it is none or has more than most elements.
func firstElements(list []byte, most int) (found [][]byte, ok bool) {
	if list[0] != '[' {
		return nil, false
	}
	s := scanner{in: list, at: 1, checked: true}
	for !s.accept(']') {
		s.accept(',')
		s.blanks()
		begin := s.at
		if len(found) == most || s.value(0) != nil {
			return nil, false
		}
		found = append(found, list[begin:s.at])
	}
	return found, true
}

// find gives the last value under a key, written without escapes, of an object that members has passed; null when there is
// none.
func find(object []byte, key string) []byte {
	found := []byte("null")
	if object[0] != '{' {
		return found
	}
	s := scanner{in: object, at: 1, checked: true}
	for !s.accept('}') {
		s.accept(',')
		s.blanks()
		begin := s.at
		if s.str() != nil {
			break
		}
		name := object[begin+1 : s.at-1]
		s.accept(':')
		s.blanks()
		begin = s.at
		if s.value(0) != nil {
			break
		}
		if string(name) == key {
			found = object[begin:s.at]
		}
	}
	return found
}
