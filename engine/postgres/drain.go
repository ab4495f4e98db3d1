package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Mode is the protocol that [Session.Drain] uses, in pgbench's words.
type Mode int

// The modes of [Session.Drain].
const (
	Simple   Mode = iota // the text in one message; takes no parameters
	Extended             // parsed, bound and run each time
	Prepared             // parsed once for each text, then bound and run
)

var modeNames = []string{Simple: "simple", Extended: "extended", Prepared: "prepared"}

func (m Mode) String() string { return modeNames[m] }

// ParseMode is the inverse of [Mode.String].
func ParseMode(name string) (Mode, error) {
	for m, n := range modeNames {
		if n == name {
			return Mode(m), nil
		}
	}
	return 0, fmt.Errorf("unknown protocol %q, want simple, extended or prepared", name)
}

// Drain runs one statement, reads all rows and only counts them: the way to time
// a query. Nothing is decoded and nothing allocated for a row.
//
// In mode Prepared the first call with a text prepares it, which takes a round
// trip more. A statement whose result type has changed since, or that the
// session has forgotten, is prepared again.
func (s *Session) Drain(ctx context.Context, mode Mode, sql string, args ...any) (rows int64, err error) {
	if mode == Simple && len(args) > 0 {
		return 0, errors.New("the simple protocol has no parameters")
	}
	params, err := textParams(args)
	if err != nil {
		return 0, err
	}
	e, err := s.execute(ctx, sql, args, func() (outcome, error) {
		switch mode {
		case Simple:
			return s.drainSimple(ctx, sql)
		case Extended:
			return drain(s.conn.ExecParams(ctx, sql, params, nil, nil, nil))
		default:
			return s.drainPrepared(ctx, sql, params)
		}
	})
	return e.Rows, err
}

func drain(r *pgconn.ResultReader) (outcome, error) {
	out := outcome{query: r.FieldDescriptions() != nil}
	for r.NextRow() {
		out.rows++
	}
	tag, err := r.Close()
	out.tag = tag.String()
	return out, err
}

func (s *Session) drainSimple(ctx context.Context, sql string) (outcome, error) {
	var out outcome
	results := s.conn.Exec(ctx, sql)
	for results.NextResult() {
		out, _ = drain(results.ResultReader()) // results.Close has its error
	}
	return out, results.Close()
}

func (s *Session) drainPrepared(ctx context.Context, sql string, params [][]byte) (outcome, error) {
	if description, ok := s.prepared[sql]; ok {
		out, err := drain(s.conn.ExecStatement(ctx, description, params, nil, nil))
		// Both failures come before the statement runs, so it is not repeated.
		// In a transaction they have spoilt it, and there is nothing to mend.
		if !isStalePlan(err) || s.InTransaction() {
			return out, err
		}
		delete(s.prepared, sql)
		if err := s.conn.Deallocate(ctx, description.Name); err != nil {
			return outcome{}, err
		}
	}
	s.names++
	description, err := s.conn.Prepare(ctx, "runbook_"+strconv.Itoa(s.names), sql, nil)
	if err != nil {
		return outcome{}, err
	}
	s.prepared[sql] = description
	return drain(s.conn.ExecStatement(ctx, description, params, nil, nil))
}

func isStalePlan(err error) bool {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return false
	}
	switch server.Code {
	case "0A000": // feature_not_supported is also what many other failures are
		return server.Routine == "RevalidateCachedQuery"
	case "26000": // after DEALLOCATE ALL or DISCARD ALL
		return true
	}
	return false
}
