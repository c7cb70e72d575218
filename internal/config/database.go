package config

import (
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
	// Driver is the kind of database.
	Driver Driver
	// URL is postgres://… (or postgresql://…) with everything escaped, or sqlite:// and Path as it is.
	URL Secret
	// Path is the embedded database's file; empty for PostgreSQL.
	Path string
}

// databaseSettings are DATABASE_URL and DB_*, as read.
type databaseSettings struct {
	url              Secret
	user, host, name string
	password         Secret
	port             int
}

// resolve picks the database: DATABASE_URL, or else PostgreSQL at DB_HOST, or else a file in dataDir.
func (s databaseSettings) resolve(dataDir string) Database {
	address := s.url.Reveal()
	if address == "" && s.host != "" {
		address = s.postgresURL()
	}
	if address == "" {
		address = sqliteScheme + embeddedPath(dataDir)
	}
	if path, ok := strings.CutPrefix(address, sqliteScheme); ok {
		return Database{Driver: SQLite, URL: Secret(address), Path: path}
	}
	return Database{Driver: PostgreSQL, URL: Secret(address)}
}

// embeddedPath is the embedded database's file in dataDir. A relative one starts with a dot, so that no part of it reads
// as a URL's host.
func embeddedPath(dataDir string) string {
	path := filepath.Join(dataDir, embeddedFile)
	if filepath.IsAbs(path) {
		return path
	}
	return "./" + path
}

// postgresURL composes DB_* into a connection URI. A host that starts with a slash is the folder of a Unix socket, which
// only fits into the query (and libpq does not read "+" there as a space).
func (s databaseSettings) postgresURL() string {
	port := strconv.Itoa(s.port)
	netloc, query := net.JoinHostPort(s.host, port), ""
	if strings.HasPrefix(s.host, "/") {
		folder := strings.ReplaceAll(url.QueryEscape(s.host), "+", "%20")
		netloc, query = "", "?host="+folder+"&port="+port
	}
	user := url.UserPassword(s.user, s.password.Reveal())
	return "postgres://" + user.String() + "@" + netloc + "/" + url.PathEscape(s.name) + query
}

// databaseURL reads DATABASE_URL. SQLite opens its file by a URI, so the path must not need escaping there.
func databaseURL(dst *Secret) reader {
	return func(value string) string {
		if _, err := url.Parse(value); err != nil {
			return "must be a valid URL, with reserved characters in the password percent-encoded"
		}
		path, embedded := strings.CutPrefix(value, sqliteScheme)
		switch {
		case embedded && (!plainPath(path) || strings.HasSuffix(path, "/")):
			return "must name a file after sqlite:// and hold none of % ? #"
		case !embedded && !strings.HasPrefix(value, "postgres://") && !strings.HasPrefix(value, "postgresql://"):
			return "must start with postgres://, postgresql:// or sqlite:///"
		}
		*dst = Secret(value)
		return ""
	}
}

// databaseHost reads DB_HOST: a host, or the folder of a Unix socket.
func databaseHost(dst *string) reader {
	return func(value string) string {
		if !strings.HasPrefix(value, "/") && !validHost(value) {
			return "must be a host name or address without a port, or the folder of a Unix socket"
		}
		*dst = value
		return ""
	}
}
