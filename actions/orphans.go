package actions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// foreignKeyViolation is the SQLSTATE of rows that reference nothing.
const foreignKeyViolation = "23503"

// broken explains why a foreign key could not be brought back when the reason is
// rows that came in while it was away. The key is left as it is: NOT VALID it
// keeps further ones out, and the ledger keeps the run from ending well.
func broken(ctx context.Context, env *engine.Env, o event.Obligation, err error) error {
	var pg *postgres.Error
	if !errors.As(err, &pg) || pg.SQLSTATE != foreignKeyViolation {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	f := &engine.Failed{
		Message: fmt.Sprintf("rows of %s reference no row of %s", o.Table, o.References),
		Hint:    "repair or delete those rows; then runbook resume goes on, or runbook ledger restore brings the foreign key back",
		Err:     withoutShards(err, o.Name, bareOf(o.Table), bareOf(o.References)),
	}
	if find, known := finder(o); known {
		if rows, countErr := env.Rows(ctx, find("count(*)")); countErr == nil {
			n, _ := rows[0]["count"].(int64)
			f.Message = orphansText(n, o)
		}
		f.Notes = append(f.Notes, "to see them: "+find("c.*"))
	}
	switch there, _, lookErr := keyExists(ctx, env, o.Table, o.Name); {
	case lookErr != nil:
		f.Notes = append(f.Notes, "whether the foreign key is in place could not be read: "+lookErr.Error())
	case there:
		f.Notes = append(f.Notes, "the foreign key is in place as NOT VALID: it checks new rows, and its ledger entry stays open")
	default:
		f.Notes = append(f.Notes, "the foreign key is not in place, so more such rows can come in; its ledger entry stays open")
	}
	return f
}

func orphansText(n int64, o event.Obligation) string {
	if n == 1 {
		return fmt.Sprintf("1 row of %s references no row of %s", o.Table, o.References)
	}
	return fmt.Sprintf("%s of %s reference no row of %s", count(n, "row"), o.Table, o.References)
}

// keyColumns are the columns on both sides, as pg_get_constraintdef writes them.
var keyColumns = regexp.MustCompile(`FOREIGN KEY \(((?:"(?:[^"]|"")*"|[^")])*)\) REFERENCES (?:"(?:[^"]|"")*"|[^"(])*\(((?:"(?:[^"]|"")*"|[^")])*)\)`)

var oneName = regexp.MustCompile(`"(?:[^"]|"")*"|[^", ]+`)

// finder makes a query of the rows that break a foreign key. It is a join, not
// NOT EXISTS: Citus refuses that between a distributed table and an ordinary one.
func finder(o event.Obligation) (query func(columns string) string, known bool) {
	m := keyColumns.FindStringSubmatch(o.Restore)
	if m == nil {
		return nil, false
	}
	own, theirs := oneName.FindAllString(m[1], -1), oneName.FindAllString(m[2], -1)
	if len(own) == 0 || len(own) != len(theirs) {
		return nil, false
	}
	var on, where []string
	for i := range own {
		on = append(on, fmt.Sprintf("p.%s = c.%s", theirs[i], own[i]))
		where = append(where, fmt.Sprintf("c.%s IS NOT NULL", own[i])) // a key with a NULL references nothing, and may
	}
	return func(columns string) string {
		return fmt.Sprintf("SELECT %s FROM %s c LEFT JOIN %s p ON %s WHERE p.%s IS NULL AND %s",
			columns, o.Table, o.References, strings.Join(on, " AND "), theirs[0], strings.Join(where, " AND "))
	}, true
}

// bareOf is the name of a table without its schema and quotes, as messages have
// it.
func bareOf(table string) string {
	names := oneName.FindAllString(strings.ReplaceAll(table, ".", " "), -1)
	if len(names) == 0 {
		return table
	}
	return strings.ReplaceAll(strings.Trim(names[len(names)-1], `"`), `""`, `"`)
}

// withoutShards is an error of the server in which shards of the named tables and
// constraints have the names of those: "orders_102128" becomes "orders".
func withoutShards(err error, names ...string) error {
	var pg *postgres.Error
	if !errors.As(err, &pg) {
		return err
	}
	plain := *pg
	for _, name := range names {
		shard := regexp.MustCompile(`(^|")(` + regexp.QuoteMeta(name) + `)_\d+("|$)`)
		for _, text := range []*string{&plain.Message, &plain.Detail, &plain.Where, &plain.Table, &plain.Constraint} {
			*text = shard.ReplaceAllString(*text, "$1$2$3")
		}
	}
	var st *engine.StatementError
	if errors.As(err, &st) {
		return &engine.StatementError{Statement: st.Statement, Connection: st.Connection, Err: &plain}
	}
	return &plain
}
