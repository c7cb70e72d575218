package config

import (
	"fmt"
	"strings"
)

// leastSecretBytes is the size of the algorithm's hash: RFC 7518 section 3.2 asks for a key of that size or larger.
func leastSecretBytes(algorithm string) int {
	switch algorithm {
	case "HS384":
		return 48
	case "HS512":
		return 64
	default:
		return 32
	}
}

func tooShort(least int) string {
	return fmt.Sprintf("must be at least %d bytes long for this JWT_ALG", least)
}

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

// guessable tells whether a signing secret is a known sample or too regular to be random.
func guessable(secret string) bool {
	var seen [256]bool
	distinct := 0
	for _, b := range []byte(secret) {
		if !seen[b] {
			seen[b] = true
			distinct++
		}
	}
	if distinct < minDistinctBytes {
		return true
	}
	plain := separators.Replace(strings.ToLower(secret))
	for _, p := range samplePrefixes {
		if strings.HasPrefix(plain, p) {
			return true
		}
	}
	for _, p := range sampleParts {
		if strings.Contains(plain, p) {
			return true
		}
	}
	return false
}
