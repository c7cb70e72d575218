package verify

import (
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/archive"
)

// Kind is in which way an entry is not what was sealed.
type Kind string

// The kinds of findings.
const (
	Changed  Kind = "changed"
	Deleted  Kind = "deleted"
	Inserted Kind = "inserted" // neither sealed nor waiting to be
	Swapped  Kind = "swapped"  // has what was sealed as another's
	Damaged  Kind = "damaged"  // the seal itself is not what was signed
)

// Finding is an entry that is not what was sealed, or a part of the seal that is not what was signed.
type Finding struct {
	Kind     Kind
	Position int64 // -1 if it has none
	Entry    uuid.UUID
	Detail   string
}

func (f Finding) String() string {
	text := string(f.Kind)
	if f.Entry != uuid.Nil {
		text += " entry " + f.Entry.String()
	}
	if f.Position >= 0 {
		text += fmt.Sprintf(" at position %d", f.Position)
	}
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	return text
}

// maxFindings bounds those that a report holds, and those among which swapped ones are looked for.
const maxFindings = 100

// Report is what Trail has found.
type Report struct {
	Origin   string
	Size     int64 // entries that are sealed
	Root     tlog.Hash
	Signed   string // the checkpoint
	Cosigned Cosigned
	Waiting  int // entries that are not sealed yet
	Archives archive.Records
	Archived int64 // of those that are sealed, how many were deleted after they were archived
	Compared int64 // of these, how many are in the archives as they were sealed
	Findings []Finding
	More     int // further findings
}

// Fault returns all findings in one line; "" if there are none.
func (r *Report) Fault() string {
	if len(r.Findings) == 0 {
		return ""
	}
	text := r.Findings[0].String()
	if n := len(r.Findings) + r.More; n > 1 {
		text += fmt.Sprintf(" (%d findings in all)", n)
	}
	return text
}

func (r *Report) add(f Finding) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, f)
}
