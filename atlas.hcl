# For those who migrate with the Atlas command line instead of `paddock migrate`; each sees what the other has applied. The
# version that is tested builds with Go alone, and its lint needs no account:
#
#   alias atlas='go run -modfile=internal/tools/atlas/go.mod -tags sqlite_fts5 ariga.io/atlas/cmd/atlas'
#
# The same variables as the program's say where the database is; PGSSLMODE=disable if it speaks no TLS:
#
#   DATABASE_URL=postgres://… atlas migrate status --env prod
#   DATABASE_URL=postgres://… atlas migrate apply --env prod
#
# docs/DATABASE.md has the steps of a pipeline.

locals {
  user     = getenv("DB_USER") != "" ? getenv("DB_USER") : "app"
  password = getenv("DB_PASSWORD") != "" ? getenv("DB_PASSWORD") : "app"
  host     = getenv("DB_HOST") != "" ? getenv("DB_HOST") : "localhost"
  port     = getenv("DB_PORT") != "" ? getenv("DB_PORT") : "5432"
  name     = getenv("DB_NAME") != "" ? getenv("DB_NAME") : "app"
  fields   = "postgres://${urlescape(local.user)}:${urlescape(local.password)}@${local.host}:${local.port}/${local.name}"
  url      = getenv("DATABASE_URL") != "" ? getenv("DATABASE_URL") : local.fields
}

env "prod" {
  url = local.url
  migration {
    dir              = "file://ent/migrations/postgres"
    revisions_schema = "public" # where the program keeps them too
  }
}

# A PostgreSQL of one's own, such as compose.yaml's, which speaks no TLS.
env "dev" {
  url = getenv("DATABASE_URL") != "" ? getenv("DATABASE_URL") : "${local.fields}?sslmode=disable"
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir              = "file://ent/migrations/postgres"
    revisions_schema = "public"
  }
}

# The embedded database of `make run`. Stop the program first: the command line does not heed its lock.
env "local" {
  url = "sqlite://${getenv("DATA_DIR") != "" ? getenv("DATA_DIR") : "data"}/paddock.db"
  dev = "sqlite://dev?mode=memory"
  migration {
    dir = "file://ent/migrations/sqlite"
  }
}

# What a pipeline asks of new migrations, on an empty PostgreSQL at ATLAS_DEV_URL; `make lint-migrations` starts one.
env "ci" {
  dev = getenv("ATLAS_DEV_URL")
  migration {
    dir              = "file://ent/migrations/postgres"
    revisions_schema = "public"
  }
}

# The same for the embedded database.
env "ci-sqlite" {
  dev = "sqlite://dev?mode=memory"
  migration {
    dir = "file://ent/migrations/sqlite"
  }
}

# A migration that must do one of these in spite of the rule says so above the statement, with the reason: a contract step, one
# release after the last program that needs it, `-- atlas:nolint destructive`.
lint {
  # Drops a table or a column.
  destructive {
    error = true
  }
  # Fails on some data: a unique index on a column that holds duplicates, a column that may not be NULL any more.
  data_depend {
    error = true
  }
  # Renames what the release before still uses.
  incompatible {
    error = true
  }
  # Holds up writes while it makes or drops an index on PostgreSQL.
  concurrent_index {
    error = true
  }
}
