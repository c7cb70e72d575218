package config

import (
	"errors"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// kind is a way to read a variable's text, which is not empty.
type kind struct {
	parse parser
	// problem is the Fault's when parse fails, with $min for the tag min and so on. It replaces the error, which may quote
	// the text; where it is empty, the error must not.
	problem string
	// name is what the documentation calls such a value, without its bounds; empty for a text.
	name string
}

// parser returns the value that text stands for.
type parser func(text string, tag reflect.StructTag) (any, error)

var (
	text   = kind{oneOf, "must be $oneof", ""}
	number = kind{bounded(parseInt), "must be a whole number from $min to $max", "number"}
)

// kinds are found by a setting's kind tag, or else by its type.
var kinds = map[string]kind{
	"string": text, "config.Secret": text, "config.Environment": text,
	"int": number, "uint8": number, "uint32": number,
	"int64":          {bounded(parseInt), "must be a whole number, $min or more", "number"},
	"size":           {bounded(parseSize), "must be a size such as 64MiB, from $min to $max", "size"},
	"time.Duration":  {bounded(parseDuration), "must be a duration such as 90s, 10m or 24h, at least $min", "duration"},
	"bool":           {single(parseBool), "must be true or false (1, yes, on; 0, no, off)", "true or false"},
	"slog.Level":     {single(parseLevel), "must be debug, info, warn or error", "debug, info, warn or error"},
	"folder":         {single(textThat(isPlainPath)), "must be a folder's path and hold none of % ? #", "folder"},
	"address":        {single(textThat(isAddress)), "must be host:port or :port, with a port from 1 to 65535, or 0 for any free one", "address"},
	"databaseHost":   {single(textThat(isDatabaseHost)), "must be a host name or address without a port, or the folder of a Unix socket", "host"},
	"databaseURL":    {single(parseDatabaseURL), "", "URL"},
	"signingKey":     {single(textThat(isSigningKey)), "must be a line of `paddock audit key`, the one that begins with PRIVATE", ""},
	"witnessURL":     {single(parseWitnessURL), "must be an https:// address without credentials, query or fragment; http:// on this machine alone", "URL"},
	"witnessKey":     {single(textThat(isWitnessKey)), "must be the witness's public key, such as witness.example.com+1a2b3c4d+BA…", ""},
	"baseURL":        {single(parseBaseURL), notHTTPURL, "URL"},
	"[]*url.URL":     {list(parseHTTPURL), notHTTPURLs, "URLs"},
	"[]netip.Prefix": {list(parseNetwork), "must be networks such as 10.0.0.0/8 or single addresses, comma-separated", "networks"},
	"hosts":          {list(parseHostName), "must be host names without scheme, port or path, comma-separated", "host names"},
	"origins": {list(textThat(isOrigin)), "must be origins such as https://app.example.com, app://obsidian.md, moz-extension://* or " +
		"http://localhost:*, lower case, without path or default port, comma-separated; * may be the host where the scheme is not " +
		"http or https, and the port of this machine", "origins"},
}

const (
	notHTTPURL  = "must be an http:// or https:// address without credentials, query or fragment"
	notHTTPURLs = notHTTPURL + ", or several, comma-separated, each once"
)

var errInvalid = errors.New("invalid")

// textThat accepts the texts that are valid, as they are.
func textThat(valid func(text string) bool) func(text string) (string, error) {
	return func(text string) (string, error) {
		if !valid(text) {
			return "", errInvalid
		}
		return text, nil
	}
}

// single parses what needs no tags.
func single[T any](parse func(text string) (T, error)) parser {
	return func(text string, _ reflect.StructTag) (any, error) { return parse(text) }
}

// list parses the items between commas, leaving out empty ones and the spaces around them.
func list[T any](parse func(item string) (T, error)) parser {
	return func(text string, _ reflect.StructTag) (any, error) {
		var values []T
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			value, err := parse(item)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		return values, nil
	}
}

// bounded parses values from the tag min to the tag max, if there is one.
func bounded[T int64 | time.Duration](parse func(text string) (T, error)) parser {
	return func(text string, tag reflect.StructTag) (any, error) {
		value, err := parse(text)
		least, _ := parse(tag.Get("min"))
		most, unbounded := parse(tag.Get("max"))
		if err != nil || value < least || unbounded == nil && value > most {
			return nil, errInvalid
		}
		return value, nil
	}
}

// oneOf accepts the texts that the tag oneof lists as people do, "a, b or c", or any text if there is no such tag.
func oneOf(text string, tag reflect.StructTag) (any, error) {
	allowed, ok := tag.Lookup("oneof")
	if ok && !slices.Contains(strings.Split(strings.Replace(allowed, " or ", ", ", 1), ", "), text) {
		return nil, errInvalid
	}
	return text, nil
}

func parseInt(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

// parseDuration is time.ParseDuration, which knows no days, and knows whole ones.
func parseDuration(text string) (time.Duration, error) {
	number, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseInt(number, 10, 32)
	if days > int64(math.MaxInt64/(24*time.Hour)) {
		return 0, errInvalid
	}
	return time.Duration(days) * 24 * time.Hour, err
}

// parseSize returns a number of bytes, written with or without a unit.
func parseSize(text string) (int64, error) {
	shift := 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			text, shift = number, bits
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	return n << shift, err
}

var bools = map[string]bool{"1": true, "true": true, "yes": true, "on": true, "0": false, "false": false, "no": false, "off": false}

func parseBool(text string) (bool, error) {
	value, ok := bools[strings.ToLower(text)]
	if !ok {
		return false, errInvalid
	}
	return value, nil
}

func parseLevel(text string) (level slog.Level, err error) {
	if strings.ContainsAny(text, "+-") { // slog's own "info+2"
		return level, errInvalid
	}
	return level, level.UnmarshalText([]byte(text))
}

// isSigningKey reports whether text is the private key of a signer of notes (golang.org/x/mod/sumdb/note), after which may follow,
// after white space, the public keys of those before it.
func isSigningKey(text string) bool {
	private, earlier, _ := strings.Cut(text, " ")
	for public := range strings.FieldsSeq(earlier) {
		if _, err := note.NewVerifier(public); err != nil {
			return false
		}
	}
	_, err := note.NewSigner(private)
	return err == nil
}

// isPlainPath reports whether a path stands for itself inside a URI.
func isPlainPath(path string) bool {
	return path != "" && !strings.ContainsAny(path, "%?#") && !strings.ContainsFunc(path, unicode.IsControl) && utf8.ValidString(path)
}
