// Package ent holds the database: the schema (by hand, in schema), the code that Ent generates of it (in db), and the
// migrations that Atlas writes of it (in migrations, read by people, embedded here).
package ent

import "embed"

//go:generate go tool ent generate --target ./db --feature sql/upsert,sql/lock,sql/execquery,sql/versioned-migration ./schema

// Migrations holds one Atlas migration directory per database: migrations/postgres and migrations/sqlite.
//
//go:embed migrations
var Migrations embed.FS
