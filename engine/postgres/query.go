package postgres

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Result is what one statement returned.
type Result struct {
	Columns  []Column // nil when the statement returns no rows by its nature
	Rows     [][]any  // values as [Session.Query] documents them
	Dropped  int64    // rows beyond the limit, read and counted only
	Affected int64    // rows changed
	Tag      string   // the server's command tag, such as "INSERT 0 5"
	Duration time.Duration
}

// Query runs one statement and keeps all its rows.
//
// Without args the simple protocol is used, so that utility statements, CALL
// with its own transactions and Citus's concurrent functions work. With args the
// statement is an unnamed one of the extended protocol, and args are bound to
// $1…; they are any of the types a value can have:
//
//	nil              NULL
//	bool             boolean
//	int64            smallint, integer, bigint, oid
//	decimal.Decimal  numeric, with its scale
//	float64          real, double precision; numeric NaN and ±Infinity
//	string           text, varchar, char, name, uuid, enums, and all types not named here
//	[]byte           bytea
//	time.Time        date, timestamp, timestamptz; see [Kind] for which
//	time.Duration    interval of no months and no days
//	[Interval]       any other interval
//	[]any            array, nested by dimension; its lower bounds are lost
//	map[string]any, []any, and the scalars above
//	                 json, jsonb: a number is an int64 if it is written as one
//	                 and fits, else a decimal.Decimal; JSON's null is nil
//
// Text that is not in the expected form stays a string: infinite timestamps and
// intervals, JSON numbers no numeric can hold, and everything if the session's
// DateStyle or IntervalStyle was changed.
func (s *Session) Query(ctx context.Context, sql string, args ...any) (*Result, error) {
	return s.QueryLimit(ctx, math.MaxInt, sql, args...)
}

// QueryLimit is Query that keeps the first limit rows and counts the rest.
func (s *Session) QueryLimit(ctx context.Context, limit int, sql string, args ...any) (*Result, error) {
	params, err := textParams(args)
	if err != nil {
		return nil, err
	}
	result := &Result{}
	e, err := s.execute(ctx, sql, args, func() (outcome, error) {
		if len(args) == 0 {
			return s.querySimple(ctx, sql, limit, result)
		}
		return result.read(s.conn.ExecParams(ctx, sql, params, nil, nil, nil), limit)
	})
	if err != nil {
		return nil, err
	}
	result.Tag, result.Duration = e.Tag, e.Duration
	result.Affected = e.Affected
	return result, nil
}

func (s *Session) querySimple(ctx context.Context, sql string, limit int, result *Result) (outcome, error) {
	var out outcome
	results := s.conn.Exec(ctx, sql)
	for results.NextResult() {
		// A rule can make one statement answer several times; the last counts.
		*result = Result{}
		out, _ = result.read(results.ResultReader(), limit) // results.Close has its error
	}
	return out, results.Close()
}

func (r *Result) read(rows *pgconn.ResultReader, limit int) (outcome, error) {
	var (
		out      outcome
		decoders []decoder
	)
	if fields := rows.FieldDescriptions(); fields != nil {
		out.query = true
		r.Columns = columns(fields)
		decoders = make([]decoder, len(fields))
		for i, f := range fields {
			decoders[i] = decoderFor(f.DataTypeOID)
		}
	}
	for rows.NextRow() {
		out.rows++
		if len(r.Rows) >= limit {
			r.Dropped++
			continue
		}
		r.Rows = append(r.Rows, decodeRow(decoders, rows.Values()))
	}
	tag, err := rows.Close()
	out.tag = tag.String()
	return out, err
}

func decodeRow(decoders []decoder, texts [][]byte) []any {
	row := make([]any, len(texts))
	for i, text := range texts {
		if text != nil {
			row[i] = decoders[i](text)
		}
	}
	return row
}

// Describe returns the columns that a statement would have, without running it;
// none for one that returns no rows. The server checks the statement as far as
// it can: syntax for utility statements, names and types for all others.
func (s *Session) Describe(ctx context.Context, sql string) ([]Column, error) {
	if !s.running.TryLock() {
		return nil, ErrBusy
	}
	defer s.running.Unlock()
	if s.Closed() {
		return nil, ErrClosed
	}
	s.warnings = nil
	description, err := s.conn.Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, s.explain(ctx, sql, err, false)
	}
	return slices.Clip(columns(description.Fields)), nil
}
