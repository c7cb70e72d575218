package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// runLoad runs the command with the key, and returns its exit code and what it printed.
func runLoad(t *testing.T, key string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	getenv := func(name string) string { return map[string]string{"PADDOCK_API_KEY": key}[name] }
	var out, errs bytes.Buffer
	code = run(t.Context(), args, getenv, &out, &errs)
	return code, out.String(), errs.String()
}

func wantNoPeople(t *testing.T, a *apptest.App) {
	t.Helper()
	m, err := a.Admin().Users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{Query: "load-"})
	if err != nil {
		t.Fatal(err)
	}
	if left := len(m.GetUsers()); left != 0 {
		t.Errorf("%d users are left behind", left)
	}
}

var row = regexp.MustCompile(`(?m)^(\w+(?:, [A-Za-z ]+)?) +(\d+) +(\d+) .* (kept|MISSED|not called)$`)

// TestRun checks that every call is made and succeeds. How long they take says nothing on a machine that runs tests.
func TestRun(t *testing.T) {
	apptest.EachWith(t, apptest.Env{"RATE_LIMIT_PER_MINUTE": "600"}, func(t *testing.T, a *apptest.App) {
		code, stdout, stderr := runLoad(t, a.AdminKey, "-rate", "0", "-for", "1s", "-at-once", "4", a.URL)
		rows := row.FindAllStringSubmatch(stdout, -1)
		if len(rows) != len(promises) {
			t.Fatalf("%d of %d calls are shown:\n%s%s", len(rows), len(promises), stdout, stderr)
		}
		kept := strings.Contains(stdout, "a second, of 200 promised: kept")
		for i, r := range rows {
			if strings.TrimSpace(r[1]) != promises[i].call || r[2] == "0" || r[3] != "0" {
				t.Errorf("%q", r[0])
			}
			kept = kept && r[4] == "kept"
		}
		if (code == exitOK) != kept || code != exitOK && code != exitMissed {
			t.Errorf("exit code %d:\n%s", code, stdout)
		}
		wantNoPeople(t, a)
	})
}

func TestRun_Refused(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		person := a.NewPerson(t, "user")
		for key, want := range map[string]string{
			"pdk_wrong": "UNAUTHENTICATED",
			person.Key:  "not an admin's",
		} {
			if code, stdout, stderr := runLoad(t, key, a.URL); code != exitMissed || stdout != "" || !strings.Contains(strings.ToUpper(stderr), strings.ToUpper(want)) {
				t.Errorf("exit code %d, want %q:\n%s%s", code, want, stdout, stderr)
			}
		}
		own := int32(60)
		me, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Admin().Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: me.GetUser().GetId(), RequestsPerMinute: &own}); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := runLoad(t, a.AdminKey, a.URL); code != exitMissed || !strings.Contains(stderr, "60 calls a minute, too few") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	})
}

// TestRun_CallsFail checks that calls that fail are shown with their reason, and that no promise is kept by them.
func TestRun_CallsFail(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		s := newServer(a.URL, 1)
		admin, err := findAdmin(t.Context(), s, a.AdminKey)
		if err != nil {
			t.Fatal(err)
		}
		people, err := admin.makePeople(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		people[0].password = "another one"
		r := &results{server: a.URL, calls: map[string]*tally{}}
		load(t.Context(), options{url: a.URL, duration: 5 * time.Second, calls: 3, atOnce: 1}, r, admin, people)
		var out strings.Builder
		if r.print(&out) {
			t.Error("every promise is kept")
		}
		if !strings.Contains(out.String(), "1 × Login: unauthenticated INVALID_CREDENTIALS") {
			t.Errorf("it shows\n%s", out.String())
		}
		if err := admin.deletePeople(t.Context(), people); err != nil {
			t.Error(err)
		}
	})
}

func TestRun_Interrupted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		var out bytes.Buffer
		getenv := func(string) string { return a.AdminKey }
		run(ctx, []string{"-for", "1m", a.URL}, getenv, &out, &out)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		wantNoPeople(t, a)
	})
}

func TestFill(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin, err := findAdmin(t.Context(), newServer(a.URL, 4), a.AdminKey)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time, all are there
			var progress strings.Builder
			if err := admin.fill(t.Context(), 40, &progress); err != nil {
				t.Fatal(err)
			}
			m, err := admin.users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{Query: "fill-", PageSize: 200})
			if err != nil || len(m.GetUsers()) != 40 {
				t.Errorf("%d users, %v: %s", len(m.GetUsers()), err, progress.String())
			}
		}
	})
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args  string
		fault string // none if empty
	}{
		{"http://127.0.0.1:8080", ""},
		{"http://127.0.0.1:8080/", ""},
		{"http://localhost:8080", ""},
		{"http://[::1]:8080", ""},
		{"-host staging.example.com https://staging.example.com", ""},
		{"-rate 0 -for 10m -calls 1000000 -at-once 25 http://localhost", ""},
		{"", "usage"},
		{"http://a.example.com http://b.example.com", "usage"},
		{"https://paddock.example.com", "is not this machine"},
		{"https://localhost.example.com", "is not this machine"},
		{"http://0.0.0.0:8080", "is not this machine"},
		{"-host staging.example.com https://paddock.example.com", "is not this machine"},
		{"-host localhost https://paddock.example.com", "is not this machine"},
		{"127.0.0.1:8080", "the server's address"},
		{"ftp://127.0.0.1", "the server's address"},
		{"http://admin:admin@127.0.0.1:8080", "the server's address"},
		{"http://127.0.0.1:8080/v1", "the server's address"},
		{"-rate 100 http://localhost", "-rate must"},
		{"-rate -1 http://localhost", "-rate must"},
		{"-for 11m http://localhost", "-for must"},
		{"-for 1ms http://localhost", "-for must"},
		{"-calls 0 http://localhost", "-calls must"},
		{"-calls 1000001 http://localhost", "-calls must"},
		{"-at-once 26 http://localhost", "-at-once must"},
		{"-fill -1 http://localhost", "-fill must"},
	} {
		t.Run(c.args, func(t *testing.T) {
			var stderr bytes.Buffer
			_, err := parse(strings.Fields(c.args), func(string) string { return "pdk_key" }, &stderr)
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v, want %q", err, c.fault)
			}
		})
	}
}

func TestParse_NoKey(t *testing.T) {
	if code, _, stderr := runLoad(t, "", "http://127.0.0.1:1"); code != exitUsage || !strings.Contains(stderr, "PADDOCK_API_KEY") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		of      []time.Duration
		percent int
		want    time.Duration
	}{
		{nil, 95, 0}, {hundred[:1], 50, 1}, {hundred[:1], 99, 1}, {hundred, 50, 50}, {hundred, 95, 95}, {hundred, 99, 99}, {hundred[:10], 95, 10},
	} {
		if got := percentile(c.of, c.percent); got != c.want {
			t.Errorf("%d %% of %d: %d, want %d", c.percent, len(c.of), got, c.want)
		}
	}
}
