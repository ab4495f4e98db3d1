package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// SQL runs statements, one at a time. Each is sent, timed and shown on its own.
// A statement that fails shows SQLSTATE, detail, hint and a caret into the file;
// a transaction that is still open then is rolled back.
//
// A value inserted by `${…}` becomes a quoted literal of its type, `${ident(x)}`
// a quoted name, `${raw(x)}` the text as it is.
//
//	vars: {store: 5}
//	steps:
//	  - sql: SHOW citus.stat_statements_track
//	    register: stat_track
//	  - sql: SELECT name, city FROM stores WHERE store_id = ${store}
//	    register: {row: the_store}
//	  - sql:
//	      transaction: true
//	      statements: |
//	        ALTER TABLE orders DROP CONSTRAINT orders_store_id_fkey;
//	        ALTER TABLE line_items DROP CONSTRAINT line_items_orders_fkey;
type SQL struct {
	// The statements, separated by semicolons. Give these, `file` or `query`.
	Statements engine.SQL `arg:"main"`
	// A file with the statements, relative to the runbook.
	File engine.SQL `arg:"file"`
	// A name of `queries`, or `{title, sql, args}`.
	Query *engine.Query
	// Expressions for $1, $2, …, sent beside the statement, which must be the only
	// one.
	Args []engine.Expr[any]
	// Wraps the statements in BEGIN and COMMIT: all of them hold, or none.
	Transaction bool
	// Shows the rows in the output.
	Show bool
	// How many rows of a result are kept; the rest is read and counted.
	MaxRows int `default:"1000"`
	// The foreign keys that these statements drop are to be gone. Without it they
	// are on record in the ledger, and a run in which no later statement adds them
	// again cannot end well.
	ForGood bool
	// Running the statements twice is the same as running them once. A statement
	// whose answer was lost is then simply sent again, by `retry` and by `runbook
	// resume`; without the word a person is asked, where neither the database knows
	// nor the statement is one such as ALTER SYSTEM.
	Idempotent bool
}

// SQLResult is what the last statement that returned rows returned, and what
// all statements did.
type SQLResult struct {
	// Names of the columns.
	Columns []string `expr:"columns" json:"columns"`
	// The rows, by column name.
	Rows []engine.Row `expr:"rows" json:"rows"`
	// Rows beyond max_rows, which were not kept.
	MoreRows int64 `expr:"more_rows" json:"more_rows"`
	// Rows that the statements inserted, updated, deleted or merged.
	Affected int64 `expr:"affected" json:"affected"`
	// How many statements ran.
	Statements int `expr:"statements" json:"statements"`
	// How long they took together.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

var (
	_ engine.Checker    = (*SQL)(nil)
	_ engine.Changer    = (*SQL)(nil)
	_ engine.Prober     = (*SQL)(nil)
	_ engine.Repeater   = (*SQL)(nil)
	_ engine.Selector   = SQLResult{}
	_ engine.Summarizer = SQLResult{}
)

// Check wants exactly one source of statements.
func (a *SQL) Check(at *engine.Places) {
	sources := []string{}
	for _, name := range []string{"statements", "file", "query"} {
		if at.Has(name) {
			sources = append(sources, name)
		}
	}
	if len(sources) == 0 {
		at.Problem("", "sql/no-statements", "sql has no statements", "give it statements, file or query")
	}
	if len(sources) > 1 {
		at.Problem(sources[1], "sql/two-sources", fmt.Sprintf("sql has %s; it takes one of them", strings.Join(sources, " and ")), "")
	}
	if at.Has("query") && at.Has("args") {
		at.Problem("args", "sql/two-args", "the query brings its own args", "leave args out here, or there")
	}
	if a.MaxRows < 1 {
		at.Problem("max_rows", "schema/type", "max_rows is at least 1", "")
	}
	statements := a.text().Statements()
	if n := len(statements); len(a.Args) > 0 && n > 1 {
		at.Problem("args", "sql/args", fmt.Sprintf("args belong to one statement, and here are %d", n), "insert the values by ${…}, or make a step of each statement")
	}
	a.checkIdempotent(at, statements)
	for _, st := range statements {
		switch {
		case !a.Transaction:
		case st.Class == postgres.NonTransactional:
			at.Problem("transaction", "sql/not-in-transaction", fmt.Sprintf("%s cannot run in a transaction", firstWords(st.Text)), "make it a step of its own, without transaction: true")
		case endsTransaction(st):
			at.Problem("transaction", "sql/two-transactions", fmt.Sprintf("%s stands inside transaction: true, which begins and commits by itself", firstWords(st.Text)), "leave one of the two out")
			return
		}
	}
}

// checkIdempotent warns of the word at a statement that plainly is not.
func (a *SQL) checkIdempotent(at *engine.Places, statements []engine.Statement) {
	if !a.Idempotent {
		return
	}
	for _, st := range statements {
		if twice := postgres.Twice(st.Text); twice != "" {
			at.Warning("idempotent", "sql/not-idempotent", fmt.Sprintf("%s is not idempotent: the second time it %s", firstWords(st.Text), twice),
				"leave the word out: after a lost answer the database is asked, or a person")
			return
		}
	}
}

// endsTransaction says that a statement begins or ends a transaction; one that
// only shapes it, such as SAVEPOINT, does not.
func endsTransaction(st engine.Statement) bool {
	word, rest, _ := strings.Cut(strings.ToUpper(st.Text), " ")
	switch strings.TrimRight(word, ";") {
	case "BEGIN", "START", "COMMIT", "END", "ABORT":
		return true
	case "ROLLBACK":
		return !strings.HasPrefix(strings.TrimSpace(rest), "TO")
	}
	return false
}

func (a *SQL) text() *engine.SQL {
	switch {
	case a.Query != nil:
		return &a.Query.SQL
	case a.File.Text != "":
		return &a.File
	default:
		return &a.Statements
	}
}

// Changes says whether a statement may change anything.
func (a *SQL) Changes() bool { return a.text().Changes() }

// Applied knows only what the journal knows: a statement that was sent and never
// answered, outside of a transaction, may have happened. One that may be sent
// again and all else let Run go on behind the statements that are done.
func (a *SQL) Applied(_ context.Context, env *engine.Env) (bool, error) {
	for _, sql := range env.Before().Unanswered {
		if !a.repeats(sql) {
			return false, engine.ErrCannotKnow
		}
	}
	for _, sql := range env.Before().Unanswered {
		if err := env.Emit(event.Warning{Step: env.Step(), Text: "sent again, for its answer was lost: " + firstWords(sql)}); err != nil {
			return false, err
		}
	}
	return false, nil
}

// repeats says whether an earlier statement of the step may be sent again: the
// word speaks only of what the step reads now.
func (a *SQL) repeats(sql string) bool {
	is := func(st engine.Statement) bool { return st.Text == sql }
	return postgres.Idempotent(sql) || a.Idempotent && slices.ContainsFunc(a.text().Statements(), is)
}

// Repeats says whether all of the statements may be sent again.
func (a *SQL) Repeats() bool {
	return a.Idempotent || !slices.ContainsFunc(a.text().Statements(), func(st engine.Statement) bool { return !postgres.Idempotent(st.Text) })
}

// Run sends the statements, less those that are done already.
func (a *SQL) Run(ctx context.Context, env *engine.Env) (SQLResult, error) {
	began := time.Now()
	statements := a.text().Statements()
	args, err := a.values(len(statements))
	if err != nil {
		return SQLResult{}, err
	}
	var result SQLResult
	done := env.Before().Done
	if a.Transaction && len(done) > 0 {
		return result, nil // its COMMIT had been answered
	}
	if a.Transaction {
		if open, err := env.InTransaction(ctx); err != nil {
			return result, err
		} else if open {
			return result, &engine.Failed{
				Message: "an earlier step has left its transaction open, so this one cannot have its own",
				Hint:    "leave transaction: true out, or COMMIT before",
			}
		}
		if err := env.Exec(ctx, "BEGIN"); err != nil {
			return result, err
		}
	}
	for _, st := range statements {
		if len(done) > 0 && st.Text == done[0] {
			done = done[1:]
			result.Statements++
			continue
		}
		if !a.ForGood {
			if err := oweDropped(ctx, env, st.Text); err != nil {
				return result, err
			}
		}
		r, err := env.Query(ctx, a.MaxRows, st, args...)
		if err != nil {
			return result, err
		}
		result.add(r)
		if st.Class != postgres.Read {
			if err := env.SettleReturned(ctx); err != nil {
				return result, err
			}
		}
		if a.Show && len(r.Columns) > 0 {
			if err := env.Emit(shownRows(env.Step(), r)); err != nil {
				return result, err
			}
		}
	}
	if a.Transaction {
		if err := env.Exec(ctx, "COMMIT"); err != nil {
			return result, err
		}
		if err := env.SettleReturned(ctx); err != nil {
			return result, err
		}
	}
	if len(done) > 0 {
		return result, &engine.Failed{
			Message: "a statement that was done before the run was cut off is not among those of the step any more", Err: engine.ErrInDoubt,
			Notes: []string{"done: " + done[0]},
		}
	}
	result.Duration = time.Since(began)
	return result, nil
}

func (a *SQL) values(statements int) ([]any, error) {
	exprs := a.Args
	if a.Query != nil {
		exprs = a.Query.Args
	}
	if len(exprs) > 0 && statements != 1 {
		return nil, &engine.Failed{
			Message: fmt.Sprintf("args belong to one statement, and here are %d", statements),
			Hint:    "insert the values by ${…}, or make a step of each statement",
		}
	}
	return evaluate(exprs)
}

// evaluate gives the values for $1, $2, ….
func evaluate(exprs []engine.Expr[any]) ([]any, error) {
	if len(exprs) == 0 {
		return nil, nil
	}
	values := make([]any, len(exprs))
	for i, e := range exprs {
		v, err := e.Eval(nil)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func shownRows(step string, r *postgres.Result) event.Shown {
	e := event.Shown{Step: step, Columns: engine.ColumnNames(r.Columns), More: r.Dropped, Rows: make([][]string, len(r.Rows))}
	for i, row := range r.Rows {
		e.Rows[i] = make([]string, len(row))
		for j, v := range row {
			e.Rows[i][j] = postgres.FormatValue(v)
		}
	}
	return e
}

func (r *SQLResult) add(q *postgres.Result) {
	r.Statements++
	r.Affected += q.Affected
	if len(q.Columns) == 0 {
		return
	}
	r.Columns = engine.ColumnNames(q.Columns)
	r.Rows, r.MoreRows = engine.NewRows(q), q.Dropped
}

// Select gives `register` the one value, the one row, or the rows.
func (r SQLResult) Select(part syntax.Part) (any, error) {
	if part == syntax.PartRows {
		return r.Rows, nil
	}
	shape := fmt.Sprintf("%s of %s came back", count(int64(len(r.Rows))+r.MoreRows, "row"), count(int64(len(r.Columns)), "column"))
	switch {
	case len(r.Columns) == 0:
		return nil, fmt.Errorf("the statement returned no rows, it only did something")
	case len(r.Rows) != 1 || r.MoreRows > 0:
		return nil, fmt.Errorf("%s where one row was wanted; {rows: …} keeps them all", shape)
	case part == syntax.PartRow:
		return r.Rows[0], nil
	case len(r.Columns) != 1:
		return nil, fmt.Errorf("%s where one value was wanted; {row: …} keeps the row", shape)
	}
	return r.Rows[0][r.Columns[0]], nil
}

// Summary says what came back.
func (r SQLResult) Summary() string {
	switch {
	case len(r.Columns) > 0:
		return count(int64(len(r.Rows))+r.MoreRows, "row")
	case r.Affected > 0:
		return count(r.Affected, "row") + " affected"
	default:
		return ""
	}
}
