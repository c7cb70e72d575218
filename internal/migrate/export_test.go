package migrate

// For tests with migrations of their own.
var (
	UpTo       = upTo
	Migrations = migrations
)

// SaySoon has Up say what it waits for a hundred times as often, until undo is called.
func SaySoon() (undo func()) {
	before := sayEvery
	sayEvery = before / 100
	return func() { sayEvery = before }
}
