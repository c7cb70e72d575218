package apierr_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// detail returns the error's detail of the type; nil when there is none.
func detail[M proto.Message](t *testing.T, err *connect.Error) (found M) {
	t.Helper()
	for _, d := range err.Details() {
		m, e := d.Value()
		if e != nil {
			t.Fatal(e)
		}
		if m, ok := m.(M); ok {
			found = m
		}
	}
	return found
}

func TestReasonOf_EveryConstructor(t *testing.T) {
	for want, err := range map[apierr.Reason]*connect.Error{
		apierr.LastAdmin:       apierr.New(connect.CodeFailedPrecondition, apierr.LastAdmin, "100%s"),
		apierr.RateLimited:     apierr.Retry(connect.CodeResourceExhausted, apierr.RateLimited, "slow down", time.Second),
		apierr.NotFoundReason:  apierr.NotFound("user"),
		apierr.EmailTaken:      apierr.Field(connect.CodeAlreadyExists, apierr.EmailTaken, "email", "taken"),
		apierr.InvalidArgument: apierr.Invalid("email", "must be one"),
		apierr.PasswordTooWeak: apierr.WeakPassword("password", errors.New("too short")),
	} {
		if got := apierr.ReasonOf(err); got != want {
			t.Errorf("%v carries %q, want %q", err, got, want)
		}
		if info := detail[*errdetails.ErrorInfo](t, err); info.GetDomain() != "paddock" {
			t.Errorf("%v is of the domain %q", err, info.GetDomain())
		}
	}
	if m := apierr.New(connect.CodeInternal, apierr.Internal, "100%s").Message(); m != "100%s" {
		t.Errorf("the message became %q", m)
	}
	if got := apierr.ReasonOf(connect.NewError(connect.CodeInternal, nil)); got != "" {
		t.Errorf("another's error carries %q", got)
	}
}

func TestRetry_WholeSeconds(t *testing.T) {
	for after, want := range map[time.Duration]string{
		-time.Second: "1", 0: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", 15 * time.Minute: "900",
	} {
		err := apierr.Retry(connect.CodeUnavailable, apierr.HashingBusy, "busy", after)
		if got := err.Meta().Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After %s, want %s", after, got, want)
		}
		told := detail[*errdetails.RetryInfo](t, err).GetRetryDelay().AsDuration()
		if got := strconv.Itoa(int(told / time.Second)); got != want || told%time.Second != 0 {
			t.Errorf("%s: RetryInfo %s, want %s s", after, told, want)
		}
	}
}

func TestInvalidFields(t *testing.T) {
	err := apierr.InvalidFields(&apierr.Violation{Field: "email", Description: "must be one"}, &apierr.Violation{Field: "roles[1]", Description: "no"})
	if m := err.Message(); m != "email: must be one" {
		t.Errorf("the message is %q", m)
	}
	bad := detail[*errdetails.BadRequest](t, err).GetFieldViolations()
	if len(bad) != 2 || bad[1].GetField() != "roles[1]" || bad[1].GetDescription() != "no" {
		t.Errorf("violations %v", bad)
	}
	if m := apierr.Invalid("", "is no JSON").Message(); m != "is no JSON" {
		t.Errorf("without a field the message is %q", m)
	}
}
