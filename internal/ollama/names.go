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

// Canonical returns the one spelling of a model name by which names can be
// compared and counted. Ollama takes [[host/]namespace/]model[:tag][:source]
// without regard to case, and a scheme before the host: "TINY-CHAT",
// "library/tiny-chat:LATEST" and "https://registry.ollama.ai/library/tiny-chat"
// all are "tiny-chat:latest", as Ollama itself lists it.
//
// The source is where Ollama 0.17.8 and newer looks for the model. That of
// "tiny-chat:local" and "tiny-chat:latest:local" is this server: both are
// "tiny-chat:latest". "gpt-oss:20b:cloud" and "gpt-oss:20b-cloud" name the model
// gpt-oss:20b of ollama.com: both are "gpt-oss:20b-cloud", and without a tag
// "gpt-oss:cloud", as Ollama lists what has been pulled from there.
//
// A name that no model can have is an ErrBadRequest, and so is one with two sources.
func Canonical(name string) (string, error) {
	if n, ok := parseName(name); ok {
		if s := n.String(); len(s) <= maxName {
			return s, nil
		}
	}
	return "", badRequest(fmt.Sprintf("invalid model name %q", SafeText(name[:min(len(name), maxPart)])))
}

// IsCloudName reports whether Ollama runs the model of that canonical name on
// ollama.com, whatever models its server has.
func IsCloudName(canonical string) bool {
	_, source := cutSource(canonical)
	return source == cloud
}

// listedName returns the canonical name of a model that a server lists. Of one whose
// tag is "local" there is none: Ollama takes that for a source, so nobody can call it.
func listedName(name string) (canonical string, ok bool) {
	if _, source := cutSource(strings.ToLower(name)); source == local {
		return "", false
	}
	canonical, err := Canonical(name)
	return canonical, err == nil
}

type modelName struct {
	host, namespace, model, tag string
	cloud                       bool
}

// String returns the canonical name.
func (n modelName) String() string {
	name, tag := n.model, n.tag
	if n.host != defaultHost || n.namespace != defaultNamespace {
		name = n.namespace + "/" + name
	}
	if n.host != defaultHost {
		name = n.host + "/" + name
	}
	switch {
	case n.cloud && tag == defaultTag:
		tag = cloud
	case n.cloud:
		tag += "-" + cloud
	}
	return name + ":" + tag
}

// parseName splits and checks a name and fills in what it leaves out.
func parseName(s string) (modelName, bool) {
	if len(s) > maxName || !isASCII(s) { // beyond ASCII, lower case is not what it was
		return modelName{}, false
	}
	s, source := cutSource(strings.ToLower(s))
	if _, second := cutSource(s); second != "" {
		return modelName{}, false
	}
	n, ok := parsePlainName(s)
	n.cloud = source == cloud
	return n, ok
}

// Sources of models.
const (
	cloud = "cloud" // ollama.com
	local = "local"
)

// cutSource cuts the source off a name in lower case, if it has one: Ollama takes
// a tag that ends in "-cloud" for one, but not a model's name that does.
func cutSource(s string) (name, source string) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return s, ""
	}
	switch last := s[colon+1:]; {
	case last == cloud, last == local:
		return s[:colon], last
	case strings.Contains(last, "/"):
		return s, ""
	}
	if name, ok := strings.CutSuffix(s, "-"+cloud); ok {
		return name, cloud
	}
	return s, ""
}

// parsePlainName parses a name in lower case that has no source.
func parsePlainName(s string) (modelName, bool) {
	n := modelName{host: defaultHost, namespace: defaultNamespace, tag: defaultTag}
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

// validPart reports whether s is of 1 to limit ASCII letters, digits, underscores
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
