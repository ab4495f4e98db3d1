package engine

import (
	"context"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// nearQueries list what a name that the server does not know could have meant,
// by the SQLSTATE of the error. $1 is the table that a column was looked for in.
var nearQueries = map[string]string{
	"42P01": `SELECT relname::text FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(oid) LIMIT 10000`,
	"42704": `SELECT name FROM pg_catalog.pg_settings`,
	"42883": `SELECT DISTINCT proname::text FROM pg_catalog.pg_proc WHERE pg_catalog.pg_function_is_visible(oid) LIMIT 20000`,
	"42703": `SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
}

// near is the hint for a name that the server does not know: the server's own,
// or the near miss.
func (n *inspector) near(ctx context.Context, s *step, pg *postgres.Error, name string) string {
	if pg.Hint != "" {
		return pg.Hint
	}
	names := quotedNames(pg.Message)
	sql, known := nearQueries[pg.SQLSTATE]
	if !known {
		return pg.Detail
	}
	var args []any
	if pg.SQLSTATE == "42703" {
		if len(names) < 2 { // column "x" of relation "y"
			return pg.Detail
		}
		args = []any{postgres.Ident(names[1])}
	}
	if len(names) > 0 {
		name = names[0]
	}
	sess, err := n.session(ctx, s.connection)
	if err != nil {
		return pg.Detail
	}
	var candidates []string
	err = readOnly(ctx, sess, func() error {
		r, err := sess.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		for _, row := range r.Rows {
			candidates = append(candidates, row[0].(string))
		}
		return nil
	})
	if err != nil {
		return pg.Detail // a hint is not worth a failure
	}
	return syntax.DidYouMean(name, candidates)
}

func quotedNames(message string) []string {
	var out []string
	for _, m := range quotedName.FindAllStringSubmatch(message, -1) {
		out = append(out, m[1])
	}
	return out
}
