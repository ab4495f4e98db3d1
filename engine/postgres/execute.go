package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// outcome is what a run of a statement reports of itself.
type outcome struct {
	tag   string
	rows  int64
	query bool // it has columns, and so may return rows
}

// affected is the number of rows changed. The tag SELECT counts them only for
// CREATE TABLE AS and its like, which have no columns.
func (o outcome) affected() int64 {
	verb, _, _ := strings.Cut(o.tag, " ")
	switch verb {
	case "SELECT":
		if o.query {
			return 0
		}
		fallthrough
	case "INSERT", "UPDATE", "DELETE", "MERGE", "COPY":
		return pgconn.NewCommandTag(o.tag).RowsAffected()
	}
	return 0
}

// execute is the frame around every statement: checks before it is sent, Begin,
// run, the meaning of its error, Observe.
//
// What is returned before run is called was not sent. A connection that ends
// during run loses the outcome, unless not a byte of the statement went out.
func (s *Session) execute(ctx context.Context, sql string, args []any, run func() (outcome, error)) (Execution, error) {
	if !s.running.TryLock() {
		return Execution{}, ErrBusy
	}
	defer s.running.Unlock()
	if err := s.vet(ctx, sql, args); err != nil {
		return Execution{}, err
	}
	e := Execution{SQL: sql, Args: args, Start: time.Now(), PID: s.pid}
	if s.options.Begin != nil {
		if err := s.options.Begin(e); err != nil {
			return e, err
		}
		e.Start = time.Now()
	}
	sent := s.wire.sent.Load()
	s.warnings = nil
	out, err := run()
	e.Duration = time.Since(e.Start)
	e.Tag, e.Rows, e.Affected = out.tag, out.rows, out.affected()
	if err != nil {
		e.Err = s.explain(ctx, sql, err, s.wire.sent.Load() > sent)
	} else if e.Tag == "ROLLBACK" && !isRollback(sql) {
		e.Err = fmt.Errorf("%s: %w", firstWord(sql), ErrRolledBack)
	}
	if s.options.Observe != nil {
		s.options.Observe(e)
	}
	return e, e.Err
}

// vet refuses what must not be sent.
func (s *Session) vet(ctx context.Context, sql string, args []any) error {
	if s.Closed() {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return newCanceledError(ctx, time.Now(), errors.New("statement not sent"))
	}
	if len(args) > math.MaxUint16 {
		return fmt.Errorf("%d parameters, at most %d are possible", len(args), math.MaxUint16)
	}
	if sql == s.vetted { // a benchmark sends the same string again and again
		return nil
	}
	if strings.IndexByte(sql, 0) >= 0 {
		return errors.New("statement holds a NUL byte")
	}
	// Several statements in one message would be one implicit transaction, and
	// positions and tags would belong to no single one of them.
	if n := len(Split(sql)); n > 1 {
		return fmt.Errorf("%d statements at once, want one", n)
	}
	if isClientCopy(sql) {
		return errors.New("COPY from or to the client is not supported")
	}
	s.vetted = sql
	return nil
}

// explain turns pgx's error into ours. sent says whether a statement that could
// change anything went out.
func (s *Session) explain(ctx context.Context, sql string, err error, sent bool) error {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		said := newError(server, sql)
		said.Warnings = s.warnings
		return s.answer(ctx, said, sent)
	}
	switch {
	case !sent && s.Closed():
		err = fmt.Errorf("%w: %w", ErrClosed, s.reason(sql, err))
	case s.Closed():
		err = &LostError{Statement: sql, Err: s.reason(sql, err)}
	}
	if ctx.Err() != nil {
		return newCanceledError(ctx, time.Now(), err)
	}
	return err
}

// answer classifies an error of the server.
func (s *Session) answer(ctx context.Context, e *Error, sent bool) error {
	const queryCanceled = "57014"
	switch {
	case sent && s.Closed() && !endsIdleSession(e.SQLSTATE):
		return &LostError{Statement: e.Statement, Err: e}
	case e.SQLSTATE == queryCanceled && ctx.Err() != nil:
		// The call returns later: pgx waits until the request to cancel cannot hit the
		// next statement any more.
		return newCanceledError(ctx, time.Unix(0, s.wire.heard.Load()), e)
	}
	return e
}

// endsIdleSession names the two timeouts that end a session while it waits for a
// statement. The farewell is read as the answer to the next one, which for
// certain did not run: the outcome is known.
func endsIdleSession(sqlstate string) bool {
	const (
		idleInTransactionSessionTimeout = "25P03"
		idleSessionTimeout              = "57P05"
	)
	return sqlstate == idleInTransactionSessionTimeout || sqlstate == idleSessionTimeout
}

// reason is why the connection broke, as far as anybody said.
func (s *Session) reason(sql string, err error) error {
	switch broken := s.wire.broken.Load(); {
	case s.crash != nil:
		return newError((*pgconn.PgError)(s.crash), sql)
	case broken != nil:
		return fmt.Errorf("network: %w", *broken)
	}
	return err
}
