package backup

import (
	"fmt"
	"net/url"
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
		if name == "password" || name == "sslpassword" || strings.HasPrefix(name, "pool_") {
			q.Del(name)
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // which they do not read as a space
	return u.String()
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
