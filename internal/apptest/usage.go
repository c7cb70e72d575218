package apptest

import (
	"context"
	"testing"
	"time"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// Chat makes a call with the credential, reads its answer to the end, and returns in how many pieces it came.
func (a *App) Chat(ctx context.Context, credential string, req *paddockv1.ChatRequest) (pieces int, err error) {
	stream, err := a.As(credential).Ollama.Chat(ctx, req)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	for stream.Receive() {
		pieces++
	}
	return pieces, stream.Err()
}

// Settled waits until every call is settled, which is a moment after the answer, and returns the usage that there is in all.
func (a *App) Settled(t testing.TB, of *Person) *paddockv1.UsageRow {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n := a.Unsettled()
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d calls are not settled", n)
		}
	}
	return a.UsageOf(t, of).GetRows()[0]
}

// UsageOf returns what a person has used, grouped by some of the columns.
func (a *App) UsageOf(t testing.TB, of *Person, by ...string) *paddockv1.GetUsageResponse {
	t.Helper()
	m, err := a.As(of.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{GroupBy: by})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// SetQuota sets a quota as the admin.
func (a *App) SetQuota(t testing.TB, req *paddockv1.SetQuotaRequest) *paddockv1.Quota {
	t.Helper()
	m, err := a.Admin().Usage.SetQuota(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return m.GetQuota()
}
