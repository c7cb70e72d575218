// A module of its own: one tool's dependencies decide neither the program's versions nor another tool's.
module github.com/paddock-gate/paddock/internal/tools/benchstat

go 1.26.4

tool golang.org/x/perf/cmd/benchstat

require (
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da // indirect
)
