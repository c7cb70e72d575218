package config_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/config"
)

func TestLoad_Database(t *testing.T) {
	for _, tt := range []struct {
		name string
		vars map[string]string
		want config.Database
	}{
		{
			"EmbeddedInDataDir",
			map[string]string{"DATA_DIR": "/srv/paddock"},
			config.Database{Driver: config.SQLite, URL: "sqlite:///srv/paddock/paddock.db", Path: "/srv/paddock/paddock.db"},
		},
		{
			"CredentialsAloneStayEmbedded",
			map[string]string{"DATA_DIR": "my data", "DB_USER": "u", "DB_PASSWORD": "p", "DB_PORT": "1", "DB_NAME": "n"},
			config.Database{Driver: config.SQLite, URL: "sqlite://./my data/paddock.db", Path: "./my data/paddock.db"},
		},
		{
			"HostSelectsPostgreSQL",
			map[string]string{"DB_HOST": "db"},
			config.Database{Driver: config.PostgreSQL, URL: "postgres://app:app@db:5432/app"},
		},
		{
			"URLWinsOverHost",
			map[string]string{"DB_HOST": "db", "DATABASE_URL": "postgresql://u:p@h/d?sslmode=require"},
			config.Database{Driver: config.PostgreSQL, URL: "postgresql://u:p@h/d?sslmode=require"},
		},
		{
			"SQLiteURLWinsOverHost",
			map[string]string{"DB_HOST": "db", "DATABASE_URL": "sqlite:///srv/gate.db"},
			config.Database{Driver: config.SQLite, URL: "sqlite:///srv/gate.db", Path: "/srv/gate.db"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := load(t, tt.vars).Database; got != tt.want {
				t.Errorf("got %v %q %q", got.Driver, got.URL.Reveal(), got.Path)
			}
		})
	}
}

// hostile has every character that means something in a connection URI.
const hostile = `p@ss:w/o?r#d%20%zz&x=y+z [::]'"\;,<é>`

func TestLoad_PostgreSQLSettings(t *testing.T) {
	for _, host := range []string{"db", "db.example.com", "10.0.0.7", "2001:db8::7", "/var/run/postgresql", "/cloudsql/p:r:i and+more"} {
		t.Run(host, func(t *testing.T) {
			checkPostgreSQL(t, hostile+"u", hostile, host, hostile+"n")
		})
	}
}

// checkPostgreSQL compares what pgx reads from the composed URL with DB_*.
func checkPostgreSQL(t *testing.T, user, password, host, name string) {
	t.Helper()
	c := load(t, map[string]string{"DB_USER": user, "DB_PASSWORD": password, "DB_HOST": host, "DB_PORT": "6543", "DB_NAME": name})
	got, err := pgconn.ParseConfig(c.Database.URL.Reveal())
	if err != nil {
		t.Fatalf("pgx refuses %q: %v", c.Database.URL.Reveal(), err)
	}
	if got.User != user || got.Password != password || got.Host != host || got.Port != 6543 || got.Database != name {
		t.Errorf("%q arrives as user %q, password %q, host %q, port %d, database %q",
			c.Database.URL.Reveal(), got.User, got.Password, got.Host, got.Port, got.Database)
	}
}

func FuzzPostgreSQLSettings(f *testing.F) {
	f.Add("app", "app", "app")
	f.Add(hostile, hostile, hostile)
	f.Fuzz(func(t *testing.T, user, password, name string) {
		for _, s := range []string{user, password, name} {
			if s == "" || strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
				t.Skip("no environment holds it, or PostgreSQL refuses it")
			}
		}
		checkPostgreSQL(t, user, password, "db", name)
	})
}
