package config

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Driver names a kind of database.
type Driver string

// The databases that Paddock keeps its data in. SQLite is embedded and needs no server.
const (
	SQLite     Driver = "sqlite"
	PostgreSQL Driver = "postgres"
)

// embeddedFile is the embedded database's file in DataDir.
const embeddedFile = "paddock.db"

const sqliteScheme = "sqlite://"

// Database says which database to open.
type Database struct {
	Driver Driver
	// URL is postgres://… (or postgresql://…) with everything escaped, or sqlite:// and Path as it is.
	URL Secret
	// Path is the embedded database's file; empty for PostgreSQL.
	Path string
}

// choose returns the database at DATABASE_URL, or else PostgreSQL at DB_HOST, or else a file in dataDir.
func (v databaseVars) choose(dataDir string) Database {
	address := v.URL.Reveal()
	if address == "" && v.Host != "" {
		address = v.postgresURL()
	}
	if address == "" {
		path := filepath.Join(dataDir, embeddedFile)
		if !filepath.IsAbs(path) {
			path = "./" + path // or its first part would read as a URL's host
		}
		address = sqliteScheme + path
	}
	if path, ok := strings.CutPrefix(address, sqliteScheme); ok {
		return Database{Driver: SQLite, URL: Secret(address), Path: path}
	}
	return Database{Driver: PostgreSQL, URL: Secret(address)}
}

// postgresURL composes DB_* into a connection URI. A host that starts with a slash is the folder of a Unix socket, which
// only fits into the query (and libpq does not read "+" there as a space).
func (v databaseVars) postgresURL() string {
	port := strconv.Itoa(v.Port)
	netloc, query := net.JoinHostPort(v.Host, port), ""
	if strings.HasPrefix(v.Host, "/") {
		folder := strings.ReplaceAll(url.QueryEscape(v.Host), "+", "%20")
		netloc, query = "", "?host="+folder+"&port="+port
	}
	user := url.UserPassword(v.User, v.Password.Reveal())
	return "postgres://" + user.String() + "@" + netloc + "/" + url.PathEscape(v.Name) + query
}

// parseDatabaseURL parses DATABASE_URL. SQLite opens its file by a URI, so the path must not need escaping there.
func parseDatabaseURL(text string) (string, error) {
	if _, err := url.Parse(text); err != nil {
		return "", errors.New("must be a valid URL, with reserved characters in the password percent-encoded")
	}
	path, embedded := strings.CutPrefix(text, sqliteScheme)
	switch {
	case embedded && (!isPlainPath(path) || strings.HasSuffix(path, "/")):
		return "", errors.New("must name a file after sqlite:// and hold none of % ? #")
	case !embedded && !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://"):
		return "", errors.New("must start with postgres://, postgresql:// or sqlite:///")
	}
	return text, nil
}

// isDatabaseHost reports whether text is a host, or the folder of a Unix socket.
func isDatabaseHost(text string) bool { return strings.HasPrefix(text, "/") || isHost(text) }
