package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// SQL runs statements one at a time, so that each is seen, timed and placed on
// its own. A statement that fails shows SQLSTATE, detail, hint and a caret into
// the file; a transaction that is still open then is rolled back.
//
// A value inserted by ${…} becomes a literal of its type.
//
//	steps:
//	  - sql: SHOW citus.stat_statements_track
//	    register: stat_track
//	  - sql:
//	      transaction: true
//	      statements: |
//	        ALTER TABLE orders DROP CONSTRAINT orders_store_id_fkey;
//	        ALTER TABLE line_items DROP CONSTRAINT line_items_orders_fkey;
type SQL struct {
	// The statements, separated by semicolons.
	Statements engine.SQL `arg:"main"`
	// A file with the statements, relative to the runbook.
	File engine.SQL `arg:"file"`
	// A query of `queries`, by name.
	Query *engine.Query
	// Values for $1, $2, … of the one statement.
	Args []engine.Expr[any]
	// Wraps the statements in BEGIN and COMMIT.
	Transaction bool
	// How many rows of a result are kept; the rest is read and counted.
	MaxRows int `default:"1000"`
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
		at.Problem("args", "sql/two-args", "the query brings its own args", "")
	}
	if a.MaxRows < 1 {
		at.Problem("max_rows", "schema/type", "max_rows is at least 1", "")
	}
	for _, st := range a.text().Statements() {
		if a.Transaction && st.Class == postgres.NonTransactional {
			at.Problem("transaction", "sql/not-in-transaction", fmt.Sprintf("%s cannot run in a transaction", firstWords(st.Text)), "make it a step of its own, without transaction: true")
		}
	}
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

// Run sends the statements.
func (a *SQL) Run(ctx context.Context, env *engine.Env) (SQLResult, error) {
	began := time.Now()
	statements := a.text().Statements()
	args, err := a.values(len(statements))
	if err != nil {
		return SQLResult{}, err
	}
	var result SQLResult
	if a.Transaction {
		if err := env.Exec(ctx, "BEGIN"); err != nil {
			return result, err
		}
	}
	for _, st := range statements {
		r, err := env.Query(ctx, a.MaxRows, st, args...)
		if err != nil {
			return result, err
		}
		result.add(r)
	}
	if a.Transaction {
		if err := env.Exec(ctx, "COMMIT"); err != nil {
			return result, err
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
