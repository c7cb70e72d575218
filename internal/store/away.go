package store

import "github.com/paddock-gate/paddock/internal/store/dberr"

// ErrAway means that the database cannot be reached, is shutting down, is overloaded or cannot write: nothing that the
// caller did wrong, and worth another try later.
var ErrAway = dberr.ErrAway

// WrapAway marks err with ErrAway when it is of that kind, and returns it as it is otherwise.
func WrapAway(err error) error { return dberr.WrapAway(err) }

// IsLocked reports whether a statement has waited too long for a row that another transaction has locked.
func IsLocked(err error) bool { return dberr.IsLocked(err) }

// Taken reports whether err is a violation of the unique constraint on the column, "users.email", or of the primary key "users.id".
func Taken(err error, column string) bool { return dberr.Taken(err, column) }
