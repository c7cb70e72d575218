package backup

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Dump returns what to type to back up the PostgreSQL database at databaseURL to a file.
func Dump(databaseURL, file string) string {
	return fmt.Sprintf("(umask 077; pg_dump --dbname=%s --format=custom --file=%s)", shellQuote(clientURL(databaseURL)), shellQuote(file))
}

// Load returns what to type to restore such a file to the PostgreSQL database at databaseURL, which must be empty.
func Load(databaseURL, file string) string {
	return fmt.Sprintf("pg_restore --dbname=%s --single-transaction --exit-on-error --no-owner %s", shellQuote(clientURL(databaseURL)), shellQuote(file))
}

// unknownToClients are parameters that PostgreSQL's own programs do not know, or that would be seen.
var unknownToClients = []string{
	"password", "sslpassword", "default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity",
}

// clientURL is the URL as PostgreSQL's own programs take it, without the password, which would be seen, and without what is
// meant for our pool.
func clientURL(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return "postgres://…" // the cause may quote the password
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	for name := range q {
		switch {
		case strings.HasPrefix(name, "pool_"), slices.Contains(unknownToClients, name):
			q.Del(name)
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // which they do not read as a space
	return u.String()
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
