package ollama

import (
	"fmt"
	"strings"
	"unicode"
)

// Defaults that Ollama fills a short model name up with.
const (
	defaultHost      = "registry.ollama.ai"
	defaultNamespace = "library"
	defaultTag       = "latest"
)

// Longest name, and longest namespace, model or tag in it, in bytes.
const (
	maxName = 256
	maxPart = 80
)

// Canonical gives the one spelling of a model name by which names can be
// compared and counted. Ollama takes [[host/]namespace/]model[:tag] without
// regard to case, and a scheme before the host: "TINY-CHAT",
// "library/tiny-chat:LATEST" and "https://registry.ollama.ai/library/tiny-chat"
// all are "tiny-chat:latest", as Ollama itself lists it. A name that no model
// can have is an ErrBadRequest.
func Canonical(name string) (string, error) {
	n, ok := parseName(name)
	if !ok {
		return "", badRequest(fmt.Sprintf("invalid model name %q", SafeText(name[:min(len(name), maxPart)])))
	}
	switch {
	case n.host != defaultHost:
		return n.host + "/" + n.namespace + "/" + n.model + ":" + n.tag, nil
	case n.namespace != defaultNamespace:
		return n.namespace + "/" + n.model + ":" + n.tag, nil
	}
	return n.model + ":" + n.tag, nil
}

type modelName struct{ host, namespace, model, tag string }

// parseName splits and checks a name and fills in what it leaves out.
func parseName(s string) (modelName, bool) {
	if len(s) > maxName || !isASCII(s) { // beyond ASCII, lower case is not what it was
		return modelName{}, false
	}
	n := modelName{host: defaultHost, namespace: defaultNamespace, tag: defaultTag}
	s = strings.ToLower(s)
	scheme, rest, hasScheme := strings.Cut(s, "://")
	if hasScheme {
		s = rest
	}
	if colon := strings.LastIndexByte(s, ':'); colon > strings.LastIndexByte(s, '/') {
		s, n.tag = s[:colon], s[colon+1:]
	}
	parts := strings.Split(s, "/")
	switch {
	case len(parts) == 3:
		n.host, n.namespace, n.model = parts[0], parts[1], parts[2]
	case len(parts) == 2 && !hasScheme:
		n.namespace, n.model = parts[0], parts[1]
	case len(parts) == 1 && !hasScheme:
		n.model = parts[0]
	default:
		return modelName{}, false
	}
	ok := (!hasScheme || scheme == "https" || scheme == "http") &&
		validPart(n.host, maxName, "-.:") && validPart(n.namespace, maxPart, "-") &&
		validPart(n.model, maxPart, "-.") && validPart(n.tag, maxPart, "-.")
	return n, ok
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > unicode.MaxASCII {
			return false
		}
	}
	return true
}

// validPart tells whether s is of 1 to limit ASCII letters, digits, underscores
// and, after the first, marks.
func validPart(s string, limit int, marks string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_':
		case i > 0 && strings.IndexByte(marks, c) >= 0:
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= limit
}
