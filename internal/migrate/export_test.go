package migrate

// For tests with migrations of their own.
var (
	UpTo       = upTo
	Migrations = migrations
)
