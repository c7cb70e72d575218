package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

const (
	// mostTrigrams is how many of a text's trigrams are looked up. What they leave over is compared with the text itself.
	mostTrigrams = 32

	// SQLite would not use this index, which a migration has made, for LIKE.
	findByTrigrams = `SELECT u.id FROM user_trigrams t JOIN user_numbers n ON n.number = t.rowid JOIN users u ON u.id = n.user_id ` +
		`WHERE user_trigrams MATCH $1 AND instr(u.search, $2) > 0 LIMIT %d`
	// A text of one or two letters has no trigrams. Most are so common that the first of the users have them; a rare one is looked for in all.
	findShort = `SELECT id FROM users WHERE instr(search, $1) > 0 LIMIT %d`
	// PostgreSQL does, as long as there is no order: when it plans for any text, it rather goes through all users in that. The limit is not
	// a parameter, or it would plan for any limit.
	findLike = `SELECT id FROM users WHERE search LIKE $1 LIMIT %d`
)

// FindUsers returns the users whose searched text contains the given one, in no order. It returns false if more than most do.
func (s *Store) FindUsers(ctx context.Context, text string, most int) (ids []uuid.UUID, few bool, err error) {
	query, args := findShort, []any{text}
	grams := trigrams(text)
	switch {
	case !s.Embedded():
		query, args = findLike, []any{"%" + likeLiteral.Replace(text) + "%"}
	case len(grams) > 0:
		query, args = findByTrigrams, []any{`"` + strings.Join(grams, `" AND "`) + `"`, text}
	}
	err = s.Read(ctx, fmt.Sprintf(query, most+1), args, func(row Row) error {
		var id uuid.UUID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, len(ids) <= most, err
}

var likeLiteral = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// trigrams returns the first of the text's trigrams, each once, as they stand between the quotation marks of a search.
func trigrams(text string) []string {
	var grams []string
	runes := []rune(text)
	for i := 0; i+3 <= len(runes) && len(grams) < mostTrigrams; i++ {
		gram := strings.ReplaceAll(string(runes[i:i+3]), `"`, `""`)
		if !slices.Contains(grams, gram) {
			grams = append(grams, gram)
		}
	}
	return grams
}
