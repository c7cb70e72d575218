# For those who migrate with the Atlas command line instead of `paddock migrate`; each sees what the other has applied.
# The same variables as the program's say where the database is; PGSSLMODE=disable if it speaks no TLS:
#
#   DATABASE_URL=postgres://… atlas migrate status --env prod
#   DATABASE_URL=postgres://… atlas migrate apply --env prod

locals {
  user     = getenv("DB_USER") != "" ? getenv("DB_USER") : "app"
  password = getenv("DB_PASSWORD") != "" ? getenv("DB_PASSWORD") : "app"
  port     = getenv("DB_PORT") != "" ? getenv("DB_PORT") : "5432"
  name     = getenv("DB_NAME") != "" ? getenv("DB_NAME") : "app"
  fields   = "postgres://${urlescape(local.user)}:${urlescape(local.password)}@${getenv("DB_HOST")}:${local.port}/${local.name}"
}

env "prod" {
  url = getenv("DATABASE_URL") != "" ? getenv("DATABASE_URL") : local.fields
  migration {
    dir              = "file://ent/migrations/postgres"
    revisions_schema = "public" # where the program keeps them too
  }
}

# The embedded database of `make run`. Stop the program first: the command line does not heed its lock.
env "local" {
  url = "sqlite://${getenv("DATA_DIR") != "" ? getenv("DATA_DIR") : "data"}/paddock.db"
  migration {
    dir = "file://ent/migrations/sqlite"
  }
}
