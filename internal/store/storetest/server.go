package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paddock-gate/paddock/ent"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
)

// templateLock is the advisory lock under which the template is made, so that test binaries that share a server by
// TEST_DATABASE_URL make one.
const templateLock = 7_233_655

// server is a PostgreSQL server where databases may be created.
type server struct {
	url      string   // of a database to connect to for that
	cluster  *Cluster // held on to: when it is collected, its watchdog ends it
	mu       sync.Mutex
	template string
}

// shared is the server of all tests of this process.
var shared = sync.OnceValues(func() (*server, error) {
	if u := os.Getenv("TEST_DATABASE_URL"); u != "" {
		return &server{url: u}, nil
	}
	// The cluster lives as long as the process: its watchdog ends it.
	c, err := startCluster(context.Background())
	if err != nil {
		return nil, err
	}
	return &server{url: c.url(), cluster: c}, nil
})

// EmptyDatabase makes an empty PostgreSQL database, for programs that are no test.
func EmptyDatabase(ctx context.Context) (url string, drop func() error, err error) {
	s, err := shared()
	if err != nil {
		return "", nil, err
	}
	return s.create(ctx, "")
}

// create makes a database of a random name, a copy of template unless that is "".
func (s *server) create(ctx context.Context, template string) (url string, drop func() error, err error) {
	name := "paddock_test_" + strings.ToLower(rand.Text()[:12])
	statement := "CREATE DATABASE " + name
	if template != "" {
		statement += " TEMPLATE " + template
	}
	if err := s.exec(ctx, statement); err != nil {
		return "", nil, err
	}
	return s.databaseURL(name), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		return s.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}, nil
}

// migrated returns the name of a database that has the schema and no rows. It is named after the migrations, and so can
// stay on a server that tests share.
func (s *server) migrated(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.template != "" {
		return s.template, nil
	}
	sum, err := ent.Migrations.ReadFile("migrations/postgres/atlas.sum")
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("paddock_template_%x", sha256.Sum256(sum))[:32]
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", templateLock); err != nil {
		return "", err
	}
	var ready bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&ready); err != nil {
		return "", err
	}
	if !ready {
		if err := s.makeTemplate(ctx, conn, name); err != nil {
			return "", err
		}
	}
	s.template = name
	return name, nil
}

// makeTemplate migrates under another name first: a template that exists is complete.
func (s *server) makeTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	making := name + "_making"
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+making); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+making); err != nil {
		return err
	}
	if err := upgrade(ctx, s.databaseURL(making)); err != nil {
		return err
	}
	// A connection that was just closed may take a moment to leave the database.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := conn.Exec(ctx, "ALTER DATABASE "+making+" RENAME TO "+name)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (s *server) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func (s *server) databaseURL(name string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		panic("TEST_DATABASE_URL is not a URL") // pgx has connected to it
	}
	u.Path = "/" + name
	return u.String()
}

// upgrade brings the database at url up to date and closes it.
func upgrade(ctx context.Context, url string) error {
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = migrate.Up(ctx, s)
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	return err
}
