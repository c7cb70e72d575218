package check

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
)

// folders are those in which a server writes.
func (p *plan) folders() (all []string) {
	if p.Database.Driver == config.SQLite {
		all = append(all, filepath.Dir(p.Database.Path))
	}
	if p.Tokens.Secret == "" && !slices.Contains(all, filepath.Clean(p.DataDir)) {
		all = append(all, filepath.Clean(p.DataDir))
	}
	return all
}

func (p *plan) checkFolders(context.Context) (string, error) {
	all := p.folders()
	for _, folder := range all {
		if err := writable(folder); err != nil {
			return "", fmt.Errorf("DATA_DIR: %w", err)
		}
	}
	if len(all) == 0 {
		return "not needed", nil
	}
	return strings.Join(all, " and ") + " can be written", nil
}

// writable returns an error if no file can be made in the folder, or if the folder cannot be made.
func writable(folder string) error {
	for {
		info, err := os.Stat(folder)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is no folder", folder)
		}
		if parent := filepath.Dir(folder); errors.Is(err, fs.ErrNotExist) && parent != folder {
			folder = parent
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	f, err := os.CreateTemp(folder, ".paddock-check-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// checkDatabase opens the database. An embedded one that is not there is not made.
func (p *plan) checkDatabase(ctx context.Context) (string, error) {
	if p.Database.Driver == config.SQLite {
		if _, err := os.Stat(p.Database.Path); errors.Is(err, fs.ErrNotExist) {
			return "embedded, not there yet: the first start makes it", nil
		}
	}
	opened, err := store.Open(ctx, p.Database.URL.Reveal())
	if errors.Is(err, sqlitefile.ErrInUse) {
		return "", warning("a server has the embedded database open, so that it cannot be looked at")
	}
	if err != nil {
		return "", err
	}
	p.store = opened
	if err := opened.Ping(ctx); err != nil {
		return "", err
	}
	return string(p.Database.Driver) + " answers", nil
}

func (p *plan) close() {
	if p.store != nil {
		_ = p.store.Close() // nothing was written
	}
}

func (p *plan) checkSchema(ctx context.Context) (string, error) {
	if p.store == nil {
		return "not there to be looked at", nil
	}
	err := migrate.Check(ctx, p.store)
	if errors.Is(err, migrate.ErrBehind) && p.AutoMigrate {
		return "the start migrates it", nil
	}
	return "is the one that this version needs", err
}

// checkRole finds out whether the server could change the audit trail.
func (p *plan) checkRole(ctx context.Context) (string, error) {
	if p.store == nil || p.store.Embedded() {
		return "not needed: the database is embedded", nil
	}
	const query = `SELECT pg_has_role(current_user, relowner, 'MEMBER') OR has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE') ` +
		`FROM (SELECT to_regclass('audit_entries')::oid AS entries) AS looked LEFT JOIN pg_class ON oid = entries`
	var owns sql.NullBool // NULL while there is no such table
	err := p.store.DB().QueryRowContext(ctx, query).Scan(&owns)
	switch {
	case err != nil:
		return "", err
	case !owns.Valid:
		return "there is no schema to be owned", nil
	case owns.Bool:
		return "", warning("it can change the schema or the audit trail; deploy/postgres/roles.sql, run after each migration, makes one that cannot")
	}
	return "it can change neither the schema nor the audit trail", nil
}

// maxSkew is how far clocks may be apart: as much as access tokens are allowed.
const maxSkew = 5 * time.Second

// checkClock compares this machine's clock with the database's, which all replicas have in common.
func (p *plan) checkClock(ctx context.Context) (string, error) {
	if p.store == nil || p.store.Embedded() {
		return "not needed: the database is on this machine", nil
	}
	var theirs time.Time
	before := time.Now()
	if err := p.store.DB().QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return "", err
	}
	after := time.Now()
	apart := max(before.Sub(theirs), theirs.Sub(after), 0)
	if apart > maxSkew {
		return "", fmt.Errorf("it is %s from the database's", apart.Round(time.Second))
	}
	return "agrees with the database's", nil
}

// checkOllama asks each Ollama server for its version.
func (p *plan) checkOllama(ctx context.Context) (string, error) {
	var versions, silent []string
	for _, u := range p.Ollama.BaseURLs {
		var answer struct{ Version string }
		if err := p.askOllama(ctx, ollama.NewServer(u.Host, u, p.Ollama.ConnectTimeout), "api/version", &answer); err != nil {
			silent = append(silent, u.Host+": "+err.Error())
			continue
		}
		versions = append(versions, u.Host+" has "+answer.Version)
	}
	if len(silent) > 0 {
		return "", errors.New("OLLAMA_BASE_URL: " + strings.Join(silent, "; "))
	}
	return strings.Join(versions, ", "), nil
}

func (p *plan) askOllama(ctx context.Context, s *ollama.Server, path string, result any) error {
	answer, err := s.Send(ctx, path, nil, ollama.Limits{FirstByte: configTimeout})
	if err != nil {
		return err
	}
	defer answer.Close()
	if answer, err = answer.OrError(); err != nil {
		return err
	}
	return answer.Decode(result)
}

// checkModels looks for the default models.
func (p *plan) checkModels(ctx context.Context) (string, error) {
	there := map[string]bool{}
	for _, u := range p.Ollama.BaseURLs {
		var list ollama.ModelList
		if err := p.askOllama(ctx, ollama.NewServer(u.Host, u, p.Ollama.ConnectTimeout), "api/tags", &list); err != nil {
			return "", err
		}
		for _, m := range list.Tagged() {
			there[m.Name] = true
		}
	}
	var missing []string
	for _, m := range []struct{ variable, name string }{
		{"DEFAULT_CHAT_MODEL", p.Ollama.ChatModel}, {"DEFAULT_EMBED_MODEL", p.Ollama.EmbedModel},
	} {
		if name, err := ollama.Canonical(m.name); err != nil || !there[name] {
			missing = append(missing, fmt.Sprintf("%s: `ollama pull %s`", m.variable, m.name))
		}
	}
	if len(missing) > 0 {
		return "", errors.New(strings.Join(missing, "; "))
	}
	return fmt.Sprintf("%d, with the default ones", len(there)), nil
}
