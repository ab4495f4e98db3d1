package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrConnect is what every failure to connect is: [ConnectError] matches it.
	ErrConnect = errors.New("cannot connect")
	// ErrClosed says that a statement was not sent, because the session had
	// ended before.
	ErrClosed = errors.New("session is closed")
	// ErrBusy says that a statement was not sent, because another one is running
	// on the session.
	ErrBusy = errors.New("session is busy with another statement")
	// ErrRolledBack says that the server answered COMMIT with ROLLBACK, as it
	// does when a statement of the transaction had failed.
	ErrRolledBack = errors.New("the transaction was rolled back instead, because a statement in it had failed")
)

// Error is what the server said about a statement.
type Error struct {
	SQLSTATE   string
	Severity   string // ERROR, FATAL or PANIC, never translated
	Message    string
	Detail     string
	Hint       string
	Where      string
	Schema     string
	Table      string
	Column     string
	Constraint string

	// Position is the place in Statement, 1-based and in characters, 0 when
	// unknown. [OffsetAt] turns it into a byte offset.
	Position  int
	Statement string

	// InternalPosition is the place in InternalQuery, a statement that the
	// server ran by itself, such as one of a PL/pgSQL function.
	InternalPosition int
	InternalQuery    string

	// Warnings are what the server warned of while it ran Statement, the last
	// ones if there were many. Citus tells in them why a worker refused.
	Warnings []Notice
}

// Error reads "message (SQLSTATE 55P03 lock_not_available)".
func (e *Error) Error() string {
	if name := ConditionName(e.SQLSTATE); name != "" {
		return e.Message + " (SQLSTATE " + e.SQLSTATE + " " + name + ")"
	}
	return e.Message + " (SQLSTATE " + e.SQLSTATE + ")"
}

func newError(e *pgconn.PgError, statement string) *Error {
	severity := e.SeverityUnlocalized
	if severity == "" { // servers before 9.6
		severity = e.Severity
	}
	return &Error{
		SQLSTATE:         e.Code,
		Severity:         severity,
		Message:          e.Message,
		Detail:           e.Detail,
		Hint:             e.Hint,
		Where:            e.Where,
		Schema:           e.SchemaName,
		Table:            e.TableName,
		Column:           e.ColumnName,
		Constraint:       e.ConstraintName,
		Position:         int(e.Position),
		Statement:        statement,
		InternalPosition: int(e.InternalPosition),
		InternalQuery:    e.InternalQuery,
	}
}

// LostError says that the connection ended after Statement had been sent and
// before its answer arrived: it may have taken effect or not. Err is the reason,
// an *[Error] where the server gave one.
type LostError struct {
	Statement string
	Err       error
}

func (e *LostError) Error() string {
	return "connection lost, outcome of the statement unknown: " + e.Err.Error()
}

func (e *LostError) Unwrap() error { return e.Err }

// ConnectError says that no session could be had on Target.
type ConnectError struct {
	Target string
	Err    error
}

func (e *ConnectError) Error() string {
	return "connect to " + e.Target + ": " + e.Err.Error()
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Is makes every ConnectError match [ErrConnect].
func (e *ConnectError) Is(target error) bool { return target == ErrConnect }

func newConnectError(ctx context.Context, t *Target, err error) *ConnectError {
	err = connectReason(err)
	if ctx.Err() != nil {
		err = newCanceledError(ctx, time.Now(), err)
	}
	return &ConnectError{Target: t.String(), Err: err}
}

// connectReason finds the one failure worth reading in pgx's list of attempts:
// sslmode=prefer alone makes two for each address.
func connectReason(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return newError(server, "")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return flatError{err}
}

// flatError is an error on one line; pgx's span several.
type flatError struct{ error }

func (e flatError) Error() string {
	return strings.Join(strings.Fields(e.error.Error()), " ")
}

func (e flatError) Unwrap() error { return e.error }

// canceledError is a failure that came of the caller's context: both why the
// context ended and what became of the statement can be asked of it.
type canceledError struct {
	cause error
	ctx   error
	err   error
	at    time.Time
}

func newCanceledError(ctx context.Context, at time.Time, err error) error {
	return &canceledError{cause: context.Cause(ctx), ctx: ctx.Err(), err: err, at: at}
}

func (e *canceledError) Error() string {
	return fmt.Sprintf("%v: %v", e.cause, e.err)
}

func (e *canceledError) Unwrap() []error { return []error{e.cause, e.ctx, e.err} }

// StoppedAt is when the statement that err speaks of had stopped because its
// context was over: when the last of the backend's answer came. It is false for
// other errors.
func StoppedAt(err error) (time.Time, bool) {
	var e *canceledError
	if !errors.As(err, &e) {
		return time.Time{}, false
	}
	return e.at, true
}
