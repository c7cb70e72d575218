package telemetry

import (
	"context"
	"strings"

	"entgo.io/ent/dialect"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// Work is the span of a statement or of a transaction.
type Work struct{ span trace.Span }

// StartStatement begins the span of a statement. It has the statement's text, in which values are parameters.
func StartStatement(ctx context.Context, database, query string) (context.Context, Work) {
	ctx, span := Start(ctx, trace.SpanKindClient, "statement")
	if span.IsRecording() {
		operation, table := summary(query)
		span.SetName(strings.TrimSpace(operation + " " + table))
		span.SetAttributes(systemOf(database), semconv.DBOperationName(operation), semconv.DBQueryText(withoutLiterals(query)))
		if table != "" {
			span.SetAttributes(semconv.DBCollectionName(table))
		}
	}
	return ctx, Work{span}
}

// StartTransaction begins the span of a transaction, from the wait for its turn to the commit.
func StartTransaction(ctx context.Context, database string) (context.Context, Work) {
	ctx, span := Start(ctx, trace.SpanKindInternal, "transaction")
	if span.IsRecording() {
		span.SetAttributes(systemOf(database))
	}
	return ctx, Work{span}
}

// End ends the span of what has failed with err, or has not.
func (w Work) End(err error) {
	if err != nil && w.span.IsRecording() {
		Fail(w.span, "failed")
	}
	w.span.End()
}

func systemOf(database string) attribute.KeyValue {
	if database == dialect.SQLite {
		return semconv.DBSystemNameSQLite
	}
	return semconv.DBSystemNamePostgreSQL
}

// summary returns what a statement does, and to which table: the first that it names.
func summary(query string) (operation, table string) {
	words := strings.Fields(query)
	if len(words) == 0 {
		return "", ""
	}
	operation = strings.ToUpper(words[0])
	for i, word := range words[1:] {
		switch strings.ToUpper(words[i]) {
		case "FROM", "INTO", "UPDATE", "TABLE":
			table, _, _ = strings.Cut(word, "(")
			return operation, strings.Trim(table, "\"`,;)")
		}
	}
	return operation, ""
}

// withoutLiterals returns a statement with what it quotes left out.
func withoutLiterals(query string) string {
	parts := strings.Split(query, "'")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = "?"
	}
	return strings.Join(parts, "'")
}
