//go:build linux || darwin

package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const kind = "SELECT coalesce((SELECT citus_table_type FROM public.citus_tables WHERE table_name = 't'::regclass), 'plain')"

// What belongs to a table is there after each of its changes, and its rows.
func TestStandInKeepsWhatBelongsToTable(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c := connect(t, dsn)
	c.run(`CREATE SCHEMA "odd schema"`, `SET search_path = "odd schema", public, citus_standin`, `
		CREATE TABLE t (
			dropped int, id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT BY 10), "Key" serial NOT NULL,
			twice bigint GENERATED ALWAYS AS (id * 2) STORED, note text DEFAULT 'none' CHECK (note <> ''),
			PRIMARY KEY ("Key", id))`,
		"ALTER TABLE t DROP COLUMN dropped", `CREATE INDEX "odd index" ON t (lower(note)) WHERE id > 0`, `CREATE UNIQUE INDEX t_u ON t ("Key", note, id)`,
		"COMMENT ON TABLE t IS 'a table'", "GRANT SELECT ON t TO pg_monitor WITH GRANT OPTION",
		"INSERT INTO t (note) SELECT 'n' || n FROM generate_series(1, 100) n")
	shape := `SELECT string_agg(x, E'\n' ORDER BY x) FROM (
		SELECT format('%s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull, attidentity) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't'::regclass
		UNION ALL SELECT replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE schemaname = 'odd schema'
		UNION ALL SELECT pg_get_serial_sequence('t', 'Key') || pg_get_serial_sequence('t', 'id')
		UNION ALL SELECT obj_description('t'::regclass) || relacl::text FROM pg_class WHERE oid = 't'::regclass
		UNION ALL SELECT format('%s %s %s', count(*), sum(id), sum(twice)) FROM t WHERE id <= 991
	) AS s(x)`
	want := c.rows(shape)
	for i, step := range []struct{ sql, kind string }{
		{"SELECT create_distributed_table('t', 'Key', shard_count => 4)", "distributed"},
		{"SELECT undistribute_table('t')", "plain"},
		{"SELECT create_distributed_table_concurrently('t', 'Key')", "distributed"},
		{"SELECT undistribute_table('t')", "plain"},
		{"SELECT citus_add_local_table_to_metadata('t')", "local"},
		{"SELECT undistribute_table('t')", "plain"},
		{"SELECT citus_add_local_table_to_metadata('t')", "local"},
		{"SELECT create_distributed_table('t', 'Key')", "distributed"},
	} {
		c.run(step.sql)
		c.want(kind, step.kind)
		if got := c.rows(shape); got != want {
			t.Errorf("after %s\n got: %s\nwant: %s", step.sql, got, want)
		}
		c.run("INSERT INTO t (note) VALUES ('new')")
		c.want("SELECT max(id) FROM t", c.rows("SELECT "+string(rune('1'+i))+" * 10 + 991"))
	}
	c.want("SELECT count(*) FROM pg_class WHERE relnamespace = 'standin'::regnamespace AND relname LIKE 'changes%'", "0")
}

// Rows that change while the call copies arrive in the new table, in every way that a row can change.
func TestStandInConcurrentlySeesChanges(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c, watcher, open := connect(t, dsn), connect(t, dsn), connect(t, dsn)
	c.run("CREATE TABLE t (id int, k int, v text, PRIMARY KEY (id, k))", "INSERT INTO t SELECT n, n, 'old' FROM generate_series(1, 1000) n",
		"SELECT citus_add_local_table_to_metadata('t')")
	open.run("BEGIN", "UPDATE t SET v = 'open' WHERE id = 7") // the exchange waits for it
	done := make(chan error, 1)
	go func() { done <- c.try("SELECT create_distributed_table_concurrently('t', 'id')") }()
	eventually(t, "the call waits", func() bool { return watcher.rows("SELECT count(*) FROM citus_lock_waits") == "1" })
	open.run("UPDATE t SET id = 5000 WHERE id = 1", "DELETE FROM t WHERE id BETWEEN 2 AND 5", "INSERT INTO t VALUES (2, 2, 'again')", "COMMIT")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	watcher.want("SELECT count(*), max(id), string_agg(v, ' ' ORDER BY v) FILTER (WHERE v <> 'old') FROM t", "997|5000|again open")
	watcher.want(kind, "distributed")
}

// The exercise's look at the locks: the call waits for a writer, and says so as with Citus.
func TestStandInLockWaits(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c, writer, watcher := connect(t, dsn), connect(t, dsn), connect(t, dsn)
	c.run("CREATE TABLE t (id int PRIMARY KEY)")
	writer.run("BEGIN", "INSERT INTO t VALUES (1)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := c.conn.Exec(ctx, "SELECT create_distributed_table_concurrently('t', 'id')")
		done <- err
	}()
	const waits = `SELECT waiting_gpid > 10000000000, blocking_gpid > 10000000000, blocked_statement, current_statement_in_blocking_process, waiting_nodeid, blocking_nodeid FROM citus_lock_waits`
	eventually(t, "the call waits", func() bool { return watcher.rows(waits) != "" })
	watcher.want(waits, "t|t|SELECT create_distributed_table_concurrently('t', 'id')|INSERT INTO t VALUES (1)|1|1")
	watcher.want("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE 'citus_internal gpid=%'", "1")

	var pgErr *pgconn.PgError
	if err := watcher.try("SELECT create_distributed_table_concurrently('t', 'id')"); !errors.As(err, &pgErr) ||
		pgErr.Message != "another create_distributed_table_concurrently operation is in progress" {
		t.Errorf("second call: %v", err)
	}

	// Cancelled while it waits in its second session, it takes that along and leaves a plain table.
	watcher.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT create_distributed%' AND pid <> pg_backend_pid()")
	if err := <-done; !errors.As(err, &pgErr) || pgErr.Code != "57014" {
		t.Errorf("cancelled: %v", err)
	}
	writer.run("COMMIT")
	eventually(t, "the second session ends", func() bool {
		return watcher.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'citus_internal gpid=%'") == "0"
	})
	watcher.want(kind, "plain")
}

// Making a table local with a lock_timeout is how a runbook keeps the call from holding up everybody.
func TestStandInLocalFirst(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c, writer := connect(t, dsn), connect(t, dsn)
	c.run("CREATE TABLE t (id int PRIMARY KEY)")
	writer.run("BEGIN", "INSERT INTO t VALUES (1)")
	c.run("SET lock_timeout = '50ms'")
	var pgErr *pgconn.PgError
	if err := c.try("SELECT citus_add_local_table_to_metadata('t')"); !errors.As(err, &pgErr) || pgErr.Code != "55P03" {
		t.Errorf("got %v, want 55P03", err)
	}
	c.want(kind, "plain")
	writer.run("COMMIT")
	c.run("SELECT citus_add_local_table_to_metadata('t')", "SELECT citus_add_local_table_to_metadata('t')")
	c.want(kind, "local")
	c.want("SELECT nodename, count(*) FROM citus_shards GROUP BY 1", "localhost|1")

	// A lock_timeout while the twin takes the table's place leaves it local.
	writer.run("BEGIN", "INSERT INTO t VALUES (2)")
	if err := c.try("SELECT create_distributed_table_concurrently('t', 'id')"); !errors.As(err, &pgErr) || pgErr.Code != "55P03" {
		t.Errorf("got %v, want 55P03", err)
	}
	writer.run("COMMIT")
	c.want(kind, "local")
	c.run("SELECT create_distributed_table_concurrently('t', 'id')", "CALL citus_cleanup_orphaned_resources()")
	c.want(kind, "distributed")
	c.want("SELECT count(*) FROM t", "2")
}

func TestStandInSaysWhatCitusSays(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c := connect(t, dsn)
	c.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE u (id int PRIMARY KEY REFERENCES t)", "INSERT INTO t VALUES (1)",
		"SELECT create_distributed_table('t', 'id')", "SELECT create_distributed_table('u', 'id')", "SELECT truncate_local_data_after_distributing_table('t')",
		"SELECT citus_add_node('w', 1)", "SELECT citus_add_node('w', 1)")
	want := `NOTICE: Copying data from local table...
NOTICE: copying the data has completed
To remove the local data, run: SELECT truncate_local_data_after_distributing_table($$public.t$$)
NOTICE: truncate cascades to table "u"
NOTICE: stand-in: node w:1 is only recorded, it gets no data`
	if got := strings.Join(c.notices, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	c.run("SET client_min_messages = log", "CREATE TABLE v (id int PRIMARY KEY)")
	c.notices = nil
	c.run("SELECT create_distributed_table_concurrently('v', 'id')")
	if got := strings.Join(c.notices, "\n"); !strings.HasPrefix(got, "LOG: performing non-blocking create_distributed_table_concurrently\nLOG: creating child shards for") {
		t.Errorf("got:\n%s", got)
	}
}

// ALTER SYSTEM and a reload turn the tracking on in sessions that are already open, as with Citus.
func TestStandInTracking(t *testing.T) {
	t.Parallel()
	s := startSandbox(t, Options{Engine: engineStandIn})
	c := connect(t, s.DSN())
	c.want("SELECT count(*) FROM citus_stat_statements", "0")
	c.run("ALTER SYSTEM SET citus.stat_statements_track = 'all'", "SELECT pg_reload_conf()")
	for deadline := time.Now().Add(5 * time.Second); c.rows("SHOW citus.stat_statements_track") != "all"; {
		if time.Now().After(deadline) {
			t.Fatal("never turned on")
		}
	}
	c.run("SELECT citus_stat_statements_reset()", "SELECT 41 + 1")
	c.want("SELECT executor, partition_key, calls FROM citus_stat_statements WHERE query = 'SELECT $1 + $2'", "stand-in||1")
}

// A writer that calls nextval before it inserts deadlocks with the call, as with Citus; the call gives up, not the writer.
func TestStandInDeadlockWithNextval(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c, writer, first, watcher := connect(t, dsn), connect(t, dsn), connect(t, dsn), connect(t, dsn)
	c.run("CREATE TABLE t (id serial PRIMARY KEY)")
	first.run("BEGIN", "INSERT INTO t VALUES (-1)")
	done := make(chan error, 1)
	go func() { done <- c.try("SELECT create_distributed_table_concurrently('t', 'id')") }()
	eventually(t, "the call waits", func() bool { return watcher.rows("SELECT count(*) FROM citus_lock_waits") == "1" })
	writer.run("BEGIN", "SELECT nextval('t_id_seq')")
	wrote := make(chan error, 1)
	go func() { wrote <- writer.try("INSERT INTO t VALUES (currval('t_id_seq'))") }()
	eventually(t, "the writer waits, too", func() bool { return watcher.rows("SELECT count(*) FROM citus_lock_waits") >= "2" })
	first.run("COMMIT")
	var pgErr *pgconn.PgError
	if err := <-done; !errors.As(err, &pgErr) || pgErr.Code != "40P01" {
		t.Errorf("the call: got %v, want 40P01", err)
	}
	if err := <-wrote; err != nil {
		t.Errorf("the writer: %v", err)
	}
	writer.run("COMMIT")
	c.want(kind, "plain")
	c.run("SELECT create_distributed_table_concurrently('t', 'id')")
	c.want("SELECT count(*) FROM t", "2")
}
