package config

import (
	"slices"
	"strings"
)

// hashBytes is the size of each algorithm's hash: RFC 7518 section 3.2 asks for a key of that size or larger.
var hashBytes = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// minDistinctBytes is how many different bytes a secret of 32 bytes or more must have. 32 random hexadecimal digits have
// fewer than 8 once in some 10⁸; one repeated character or a repeated "abc123" always have.
const minDistinctBytes = 8

// Texts that stand in documentation and .env.example files, lower case, without separators.
var (
	samplePrefixes = []string{
		"secret", "supersecret", "mysecret", "yoursecret", "devsecret", "your256bit", "password", "example", "sample",
		"astringsecretatleast256bitslong",                                  // jwt.io
		"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI's tutorial
	}
	sampleParts = []string{
		"changeme", "changethis", "changeit", "pleasechange", "replaceme", "replacethis", "insecure", "notsecret",
		"placeholder",
	}
)

var separators = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

// guessable reports whether a signing secret is a known sample or too regular to be random.
func guessable(secret string) bool {
	if distinct := slices.Compact(slices.Sorted(slices.Values([]byte(secret)))); len(distinct) < minDistinctBytes {
		return true
	}
	plain := separators.Replace(strings.ToLower(secret))
	return slices.ContainsFunc(samplePrefixes, func(p string) bool { return strings.HasPrefix(plain, p) }) ||
		slices.ContainsFunc(sampleParts, func(p string) bool { return strings.Contains(plain, p) })
}
