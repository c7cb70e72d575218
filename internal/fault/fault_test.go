package fault_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/fault"
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
	for want, err := range map[fault.Reason]*connect.Error{
		fault.LastAdmin:       fault.New(connect.CodeFailedPrecondition, fault.LastAdmin, "100%s"),
		fault.RateLimited:     fault.Retry(connect.CodeResourceExhausted, fault.RateLimited, "slow down", time.Second),
		fault.NotFoundReason:  fault.NotFound("user"),
		fault.EmailTaken:      fault.Field(connect.CodeAlreadyExists, fault.EmailTaken, "email", "taken"),
		fault.InvalidArgument: fault.Invalid("email", "must be one"),
		fault.PasswordTooWeak: fault.WeakPassword("password", errors.New("too short")),
	} {
		if got := fault.ReasonOf(err); got != want {
			t.Errorf("%v carries %q, want %q", err, got, want)
		}
		if info := detail[*errdetails.ErrorInfo](t, err); info.GetDomain() != "paddock" {
			t.Errorf("%v is of the domain %q", err, info.GetDomain())
		}
	}
	if m := fault.New(connect.CodeInternal, fault.Internal, "100%s").Message(); m != "100%s" {
		t.Errorf("the message became %q", m)
	}
	if got := fault.ReasonOf(connect.NewError(connect.CodeInternal, nil)); got != "" {
		t.Errorf("another's error carries %q", got)
	}
}

func TestRetry_WholeSeconds(t *testing.T) {
	for after, want := range map[time.Duration]string{
		-time.Second: "1", 0: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", 15 * time.Minute: "900",
	} {
		err := fault.Retry(connect.CodeUnavailable, fault.HashingBusy, "busy", after)
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
	err := fault.InvalidFields(&fault.Violation{Field: "email", Description: "must be one"}, &fault.Violation{Field: "roles[1]", Description: "no"})
	if m := err.Message(); m != "email: must be one" {
		t.Errorf("the message is %q", m)
	}
	bad := detail[*errdetails.BadRequest](t, err).GetFieldViolations()
	if len(bad) != 2 || bad[1].GetField() != "roles[1]" || bad[1].GetDescription() != "no" {
		t.Errorf("violations %v", bad)
	}
	if m := fault.Invalid("", "is no JSON").Message(); m != "is no JSON" {
		t.Errorf("without a field the message is %q", m)
	}
}
