package migrate

import (
	"context"
	"slices"

	atlas "ariga.io/atlas/sql/migrate"
)

// A program of one release runs on the schema of the next, so that servers are upgraded, and rolled back, one by one. Each migration
// after the one that makes the table migration_compatibility says so in its first statement, which reaches the database whoever runs
// it: it needs no program that knows of it (expand), or programs that know an earlier migration (contract).

// needs returns a version that programs must know to run on a schema with the unknown migrations, and that is not among the known;
// "" if there is none. Known migrations that were not applied need a schema of another branch: then it is that of an unknown one.
func (r revisions) needs(ctx context.Context, applied, unknown []*atlas.Revision, known []atlas.File) (string, error) {
	knows := func(version string) bool {
		return slices.ContainsFunc(known, func(f atlas.File) bool { return f.Version() == version })
	}
	for _, f := range known {
		if f.Version() > applied[0].Version && !slices.ContainsFunc(applied, func(rev *atlas.Revision) bool { return rev.Version == f.Version() }) {
			return unknown[0].Version, nil
		}
	}
	said, err := r.compatibility(ctx)
	if err != nil {
		return "", err
	}
	for _, rev := range unknown {
		if rev.Type == atlas.RevisionTypeExecute && rev.Applied == 0 && rev.Total > 0 {
			continue // it has changed nothing yet
		}
		needed, ok := said[rev.Version]
		if !ok {
			needed = rev.Version
		}
		if needed != "" && !knows(needed) {
			return needed, nil
		}
	}
	return "", nil
}

// compatibility returns what the migrations that were applied say of themselves: the version that each needs, or "".
func (r revisions) compatibility(ctx context.Context) (map[string]string, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT version, needs FROM migration_compatibility`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	said := map[string]string{}
	for rows.Next() {
		var version, needed string
		if err := rows.Scan(&version, &needed); err != nil {
			return nil, err
		}
		said[version] = needed
	}
	return said, rows.Err()
}
