package actions

import (
	"context"
	"fmt"
	"time"

	"runbook/engine"
)

// justPrepared is how long a prepared transaction may be on its way to its commit.
const justPrepared = time.Second

// checkTransactions looks for transactions that a concurrent distribution would
// wait for: each that has written something, in any database of the server. One
// that only reads is not waited for, unless it holds the table: see checkHolders.
func (x *distribution) checkTransactions(ctx context.Context) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	found, err := x.checkPrepared(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT pid::bigint AS pid, coalesce(application_name, '') AS application, coalesce(datname, '') AS database,
		       state LIKE 'idle in transaction%' AS idle, extract(epoch FROM clock_timestamp() - xact_start)::bigint AS age
		FROM pg_catalog.pg_stat_activity
		WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - make_interval(secs => $1)
		  AND backend_type NOT IN ('walsender', 'autovacuum worker')
		ORDER BY xact_start LIMIT 20`, x.TransactionAge.Seconds())
	for _, r := range rows {
		t := openTransaction(r)
		found = append(found, finding{t.text() + " and has written: the call waits for its end", t.fix(), nil})
	}
	if err != nil {
		return nil, err
	}
	return found, x.checkSight(ctx)
}

// checkSight notes that a role may not see what others do.
func (x *distribution) checkSight(ctx context.Context) error {
	rows, err := x.catalog.Rows(ctx, "SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'usage') AS sees")
	if err == nil && rows[0]["sees"] != true {
		x.note("this role may not see the transactions of others; the call waits for the end of every one that has written")
	}
	return err
}

// checkPrepared finds prepared transactions, which end only when somebody ends
// them. Citus's own are ended by its maintenance.
func (x *distribution) checkPrepared(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT gid, database::text AS database, owner::text AS owner, extract(epoch FROM clock_timestamp() - prepared)::bigint AS age
		FROM pg_catalog.pg_prepared_xacts
		WHERE prepared < clock_timestamp() - make_interval(secs => $1) AND (gid NOT LIKE 'citus\_%' OR prepared < clock_timestamp() - interval '2 minutes')
		ORDER BY prepared LIMIT 20`, justPrepared.Seconds())
	var found []finding
	for _, r := range rows {
		age := time.Duration(r["age"].(int64)) * time.Second
		gid := x.literal(r["gid"].(string))
		found = append(found, finding{
			fmt.Sprintf("transaction %s of %s in database %s has been prepared for %s: the call waits for its end", gid, r["owner"], r["database"], round(age)),
			fmt.Sprintf("in %s: COMMIT PREPARED %s or ROLLBACK PREPARED %[2]s", r["database"], gid),
			[]string{"prepared " + r["gid"].(string)},
		})
	}
	return found, err
}

// checkHolders finds long transactions that hold a lock on the table which the
// conversion, or the copy that blocks writers, would wait behind, with the
// application in turn behind it.
func (x *distribution) checkHolders(ctx context.Context) ([]finding, error) {
	if x.Concurrently && x.table.Kind != local {
		return nil, nil // no conversion
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT a.pid::bigint AS pid, coalesce(a.application_name, '') AS application, coalesce(a.datname, '') AS database,
		       a.state LIKE 'idle in transaction%' AS idle, extract(epoch FROM clock_timestamp() - a.xact_start)::bigint AS age
		FROM pg_catalog.pg_stat_activity a
		WHERE a.pid <> pg_backend_pid() AND a.xact_start < clock_timestamp() - make_interval(secs => $2)
		  AND a.backend_type NOT IN ('walsender', 'autovacuum worker')
		  AND NOT ($3 AND a.backend_xid IS NOT NULL) -- told already
		  AND EXISTS (SELECT FROM pg_catalog.pg_locks l
		              WHERE l.pid = a.pid AND l.granted AND l.relation = $1::regclass AND l.locktype = 'relation'
		                AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
		                AND ($4 OR l.mode NOT IN ('AccessShareLock')))
		ORDER BY a.xact_start LIMIT 20`, x.table.Name, x.TransactionAge.Seconds(), x.Concurrently && x.onCitus(), x.Concurrently)
	var found []finding
	for _, r := range rows {
		t := openTransaction(r)
		found = append(found, finding{t.text() + " and holds it: the call waits for its end", t.fix(), nil})
	}
	return found, err
}

// openTransaction is a transaction of somebody else.
type openTransaction engine.Row

func (t openTransaction) text() string {
	who := fmt.Sprintf("backend %d", t["pid"])
	if t["application"] != "" {
		who += fmt.Sprintf(" (%s)", t["application"])
	}
	state := "has had a transaction open for"
	if t["idle"] == true {
		state = "is idle in a transaction, open for"
	}
	age := time.Duration(t["age"].(int64)) * time.Second
	return fmt.Sprintf("%s in database %s %s %s", who, t["database"], state, round(age))
}

func (t openTransaction) fix() string {
	return fmt.Sprintf("have it end, or SELECT pg_terminate_backend(%d)", t["pid"])
}
