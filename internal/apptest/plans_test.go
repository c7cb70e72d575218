package apptest_test

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestPlans_NoScan asks SQLite how it would run each statement of a list or report: none goes through a table from end to end. Without
// statistics, which nobody collects, it plans the same however many rows there are. The one exception are searches for one or two
// letters, store's findShort, which no index can serve: they stop when many users have them, and go through all users where few do.
func TestPlans_NoScan(t *testing.T) {
	url := storetest.SQLite(t)
	sent := tracedOn(t, url, "", func(a *apptest.App) {
		p := a.NewPerson(t, "user")
		for _, c := range boundedCalls(t, a, p, p.Id) {
			if err := c.call(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
	})
	queries := statements(t, sent)
	if len(queries) < 40 {
		t.Fatalf("only %d statements were seen", len(queries))
	}
	db, err := storetest.Open(t, url).MigrationDB()
	must(t, err)
	defer db.Close()
	for _, query := range queries {
		for _, step := range plan(t, db, query) {
			if scan.MatchString(step) && !small.MatchString(step) && !stopped.MatchString(query) {
				t.Errorf("%s: %.2000s", step, query)
			}
		}
	}
}

// plan returns the steps by which SQLite would run the statement.
func plan(t *testing.T, db *sql.DB, query string) (steps []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, slices.Repeat([]any{"x"}, parameters(query))...)
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		must(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	must(t, rows.Err())
	return steps
}

var (
	// scan matches a step that reads a table, or an index, from end to end unless something stops it.
	scan = regexp.MustCompile(`^SCAN \w+( USING (COVERING )?INDEX \w+)?$`)
	// small matches a scan of what does not grow, the last five of them names for parts of a statement.
	small = regexp.MustCompile(`^SCAN (roles|replicas|seals|few|part|parts|outcomes|types)\b`)
	// stopped matches statements that a scan costs little, or seldom: those that stop with the page and leave nothing out, or what
	// many users have; counts of users and of a role's members, which package page remembers; and those without an answer. In
	// quotation marks, ? is no parameter.
	stopped = regexp.MustCompile("^([^?$]|'\\?')* FROM `?\\w+`? ORDER BY .* LIMIT \\d+$|`search` LIKE .* ORDER BY .* LIMIT \\d+$|" +
		"^SELECT COUNT\\([^()]*\\) FROM `(users|user_roles)`|WHERE FALSE\\b")
)

// statements returns the statements among the spans that were sent, each once.
func statements(t *testing.T, sent []byte) []string {
	t.Helper()
	var traces tracepb.TracesData // what was sent are such messages, one behind the other
	must(t, proto.Unmarshal(sent, &traces))
	seen := map[string]bool{}
	for _, resource := range traces.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				for _, attribute := range span.GetAttributes() {
					if attribute.GetKey() == "db.query.text" {
						seen[attribute.GetValue().GetStringValue()] = true
					}
				}
			}
		}
	}
	var queries []string
	for query := range seen {
		queries = append(queries, query)
	}
	slices.Sort(queries)
	return queries
}

// parameters returns how many parameters the statement takes, which are $1 and so on, or question marks.
func parameters(query string) int {
	query = strings.ReplaceAll(query, "'?'", "")
	n := strings.Count(query, "?")
	for strings.Contains(query, fmt.Sprintf("$%d", n+1)) {
		n++
	}
	return n
}
