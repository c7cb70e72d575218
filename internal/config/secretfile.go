package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fileSuffix ends the name of the variable that names the file of a secret: JWT_SECRET_FILE is that of JWT_SECRET.
const fileSuffix = "_FILE"

// maxSecretFile is the size, in bytes, above which a file is taken for something else than a secret.
const maxSecretFile = 64 << 10

// isSecret reports whether the variable may also be read from a file.
func (v variable) isSecret() bool { return v.field.Type() == reflect.TypeFor[Secret]() }

// LookupSecret returns the secret that a variable holds, or that is in the file that the variable's name with _FILE names; "" if
// neither is set. The error is a Fault's problem, with the file if fromFile is true.
func LookupSecret(getenv func(name string) string, name string) (s Secret, fromFile bool, err error) {
	text, path := getenv(name), getenv(name+fileSuffix)
	if path == "" {
		return Secret(text), false, nil
	}
	if text != "" {
		return "", true, errors.New("must not be set beside " + name)
	}
	text, err = readSecretFile(path)
	return Secret(text), true, err
}

// readSecretFile returns the one line of text in a file. A line break at its end is left out, as editors and `echo` write
// one; spaces count. The error says what is expected, without the path.
func readSecretFile(path string) (string, error) {
	content, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errors.New("must name a file that exists")
	case errors.Is(err, fs.ErrPermission):
		return "", errors.New("must name a file that this user may read")
	case err != nil:
		return "", errors.New("must name a file that can be read")
	}
	text, ended := strings.CutSuffix(string(content), "\n")
	if ended {
		text = strings.TrimSuffix(text, "\r")
	}
	switch {
	case text == "":
		return "", errors.New("must name a file that is not empty")
	case len(content) > maxSecretFile || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "", errors.New("must name a file of one line of text")
	}
	return text, nil
}

// readFile reads at most one byte more than maxSecretFile.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSecretFile+1))
}
