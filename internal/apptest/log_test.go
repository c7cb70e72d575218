package apptest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestStrangersDoNotFillTheLog: their requests are logged up to so many a second, the others counted; those of users all
// are.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.PostgreSQL(t), nil)
	var log bytes.Buffer // written to under slog's lock, read when the server has ended
	a.Log = &log
	r := a.Replica(t)
	ask := func() {
		res, err := http.Get(r.URL + "/api/tags")
		must(t, err)
		res.Body.Close()
	}
	const strangers, own = 600, 150
	for range strangers {
		ask()
	}
	for range own {
		_, err := r.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		must(t, err)
	}
	time.Sleep(50 * time.Millisecond)
	ask() // tells of those that were kept back last
	must(t, r.Stop())
	lines, skipped, users := 0, 0, 0
	for line := range strings.Lines(log.String()) {
		var l struct {
			Msg     string
			UserID  string `json:"user_id"`
			Skipped int
		}
		must(t, json.Unmarshal([]byte(line), &l))
		switch {
		case l.Msg == "request" && l.UserID != "":
			users++
		case l.Msg == "request":
			lines, skipped = lines+1, skipped+l.Skipped
		}
	}
	if users != own || lines+skipped != strangers+1 || skipped == 0 {
		t.Errorf("of %d requests of users %d lines; of %d of strangers %d, %d skipped", own, users, strangers+1, lines, skipped)
	}
}
