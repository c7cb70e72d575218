// Package apierr makes the errors that a caller may see: a Connect code, a reason of the contract, and words that say no
// more than they should.
package apierr

import (
	"errors"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Reason is the machine-readable cause in every error's google.rpc.ErrorInfo, under the domain "paddock".
type Reason string

// The reasons of the contract.
const (
	InvalidCredentials   Reason = "INVALID_CREDENTIALS"
	Unauthenticated      Reason = "UNAUTHENTICATED"
	AmbiguousCredentials Reason = "AMBIGUOUS_CREDENTIALS"
	AccessDenied         Reason = "ACCESS_DENIED"
	EmailTaken           Reason = "EMAIL_TAKEN"
	ExternalIDTaken      Reason = "EXTERNAL_ID_TAKEN"
	NotFoundReason       Reason = "NOT_FOUND"
	LastAdmin            Reason = "LAST_ADMIN"
	PasswordTooWeak      Reason = "PASSWORD_TOO_WEAK"
	RateLimited          Reason = "RATE_LIMITED"
	LoginThrottled       Reason = "LOGIN_THROTTLED"
	QuotaExceeded        Reason = "QUOTA_EXCEEDED"
	TooManyStreams       Reason = "TOO_MANY_STREAMS"
	MessageTooLarge      Reason = "MESSAGE_TOO_LARGE"
	HashingBusy          Reason = "HASHING_BUSY"
	DatabaseUnavailable  Reason = "DATABASE_UNAVAILABLE"
	UpstreamUnavailable  Reason = "UPSTREAM_UNAVAILABLE"
	UpstreamError        Reason = "UPSTREAM_ERROR"
	ModelNotFound        Reason = "MODEL_NOT_FOUND"
	ModelNotAllowed      Reason = "MODEL_NOT_ALLOWED"
	ModelIsRemote        Reason = "MODEL_IS_REMOTE"
	InvalidArgument      Reason = "INVALID_ARGUMENT"
	Internal             Reason = "INTERNAL"
)

const domain = "paddock"

// New returns an error for the caller to see. The message is shown as it is.
func New(code connect.Code, reason Reason, message string, details ...proto.Message) *connect.Error {
	err := connect.NewError(code, reasoned{message, reason})
	_ = err.Meta() // which makes it: requests share some errors, and must not write to them
	info := &errdetails.ErrorInfo{Domain: domain, Reason: string(reason)}
	for _, m := range append([]proto.Message{info}, details...) {
		if d, e := connect.NewErrorDetail(m); e == nil { // e: m does not marshal, and these messages all do
			err.AddDetail(d)
		}
	}
	return err
}

// Retry returns an error that says when another try makes sense: in google.rpc.RetryInfo and in the Retry-After header,
// whole seconds, rounded up.
func Retry(code connect.Code, reason Reason, message string, after time.Duration) *connect.Error {
	seconds := max(1, int64((after+time.Second-1)/time.Second))
	err := New(code, reason, message, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(seconds) * time.Second)})
	err.Meta().Set("Retry-After", strconv.FormatInt(seconds, 10))
	return err
}

// RetryDefault is when another try makes sense, where nothing better is known.
const RetryDefault = time.Second

// ErrInternal is all that a caller may know of our own faults.
var ErrInternal = New(connect.CodeInternal, Internal, "internal error")

// ModelForbidden refuses a call of a model that is not on the caller's lists.
func ModelForbidden(model string) *connect.Error {
	return New(connect.CodePermissionDenied, ModelNotAllowed, "you may not use the model "+model)
}

// NotFound says that there is no such thing; also when it is another user's, so that the two cannot be told apart.
func NotFound(what string) *connect.Error {
	return New(connect.CodeNotFound, NotFoundReason, what+" not found")
}

// Violation is what is wrong with one field.
type Violation = errdetails.BadRequest_FieldViolation

// Field returns an error that is about one field of the request: google.rpc.BadRequest names it.
func Field(code connect.Code, reason Reason, field, message string) *connect.Error {
	return New(code, reason, message, badRequest(&Violation{Field: field, Description: message}))
}

// Invalid refuses a request for one of its fields; "" is the request as a whole.
func Invalid(field, description string) *connect.Error {
	return InvalidFields(&Violation{Field: field, Description: description})
}

// InvalidFields refuses a request for its fields. The message is that of the first violation.
func InvalidFields(violations ...*Violation) *connect.Error {
	message := "invalid request"
	if len(violations) > 0 {
		message = violations[0].GetDescription()
		if f := violations[0].GetField(); f != "" {
			message = f + ": " + message
		}
	}
	return New(connect.CodeInvalidArgument, InvalidArgument, message, badRequest(violations...))
}

// WeakPassword refuses the password in the field, for the reason that err gives.
func WeakPassword(field string, err error) *connect.Error {
	return Field(connect.CodeInvalidArgument, PasswordTooWeak, field, err.Error())
}

func badRequest(violations ...*Violation) *errdetails.BadRequest {
	return &errdetails.BadRequest{FieldViolations: violations}
}

// reasoned is an error of ours, which knows its reason: to read it from the details is to decode them.
type reasoned struct {
	message string
	reason  Reason
}

func (r reasoned) Error() string { return r.message }

// ReasonOf returns the reason that err carries, or "".
func ReasonOf(err *connect.Error) Reason {
	if own, ok := errors.AsType[reasoned](err.Unwrap()); ok {
		return own.reason
	}
	for _, d := range err.Details() {
		if m, e := d.Value(); e == nil {
			if info, ok := m.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
				return Reason(info.GetReason())
			}
		}
	}
	return ""
}
