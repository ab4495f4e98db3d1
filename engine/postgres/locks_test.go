package postgres_test

import (
	"context"
	"slices"
	"testing"

	"runbook/engine/postgres"
)

// lockCases are statements on the tables made in TestLocksOfServer, with the
// locks that PostgreSQL is known to take.
var lockCases = []struct {
	sql  string
	want []postgres.Lock
}{
	{"ALTER TABLE child ADD COLUMN c int", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
	{"ALTER TABLE ONLY child ALTER COLUMN a SET DEFAULT 5", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
	{"ALTER TABLE child ALTER COLUMN a SET STATISTICS 200", []postgres.Lock{{Table: "child", Mode: postgres.ShareUpdateExclusive}}},
	{"ALTER TABLE child SET (fillfactor = 80)", []postgres.Lock{{Table: "child", Mode: postgres.ShareUpdateExclusive}}},
	{"ALTER TABLE child ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES parent (id) NOT VALID", []postgres.Lock{{Table: "child", Mode: postgres.ShareRowExclusive}, {Table: "parent", Mode: postgres.ShareRowExclusive}}},
	{"ALTER TABLE child VALIDATE CONSTRAINT positive", []postgres.Lock{{Table: "child", Mode: postgres.ShareUpdateExclusive}}},
	{"ALTER TABLE child ALTER COLUMN a SET STATISTICS 200, ADD COLUMN d int", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
	{"ALTER TABLE child DISABLE TRIGGER ALL", []postgres.Lock{{Table: "child", Mode: postgres.ShareRowExclusive}}},
	{"ALTER TABLE child RENAME TO offspring", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
	{"CREATE INDEX ON child (a)", []postgres.Lock{{Table: "child", Mode: postgres.Share}}},
	{"CREATE UNIQUE INDEX named ON child (a)", []postgres.Lock{{Table: "child", Mode: postgres.Share}}},
	{"CREATE STATISTICS s ON a, b FROM child", []postgres.Lock{{Table: "child", Mode: postgres.ShareUpdateExclusive}}},
	{"CREATE TABLE more (id int REFERENCES parent)", []postgres.Lock{{Table: "parent", Mode: postgres.ShareRowExclusive}}},
	{"TRUNCATE child", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
	{"DROP TABLE IF EXISTS child", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
	{"INSERT INTO child VALUES (1, 1)", []postgres.Lock{{Table: "child", Mode: postgres.RowExclusive}}},
	{"UPDATE child SET a = 1", []postgres.Lock{{Table: "child", Mode: postgres.RowExclusive}}},
	{"DELETE FROM ONLY child", []postgres.Lock{{Table: "child", Mode: postgres.RowExclusive}}},
	{"WITH gone AS (DELETE FROM child RETURNING a) SELECT count(*) FROM gone", []postgres.Lock{{Table: "child", Mode: postgres.RowExclusive}}},
	{"SELECT * FROM child FOR UPDATE", []postgres.Lock{{Table: "child", Mode: postgres.RowShare}}},
	{"SELECT * FROM child", nil},
	{"LOCK TABLE parent, child IN SHARE ROW EXCLUSIVE MODE", []postgres.Lock{{Table: "parent", Mode: postgres.ShareRowExclusive}, {Table: "child", Mode: postgres.ShareRowExclusive}}},
	{"ANALYZE child", []postgres.Lock{{Table: "child", Mode: postgres.ShareUpdateExclusive}}},
	{"REINDEX TABLE child", []postgres.Lock{{Table: "child", Mode: postgres.Share}}},
	{"CLUSTER child USING child_a_idx", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
	{"REFRESH MATERIALIZED VIEW seen", []postgres.Lock{{Table: "seen", Mode: postgres.AccessExclusive}}},
	{"COMMENT ON TABLE child IS 'c'", []postgres.Lock{{Table: "child", Mode: postgres.ShareUpdateExclusive}}},
	{"CREATE POLICY p ON child", []postgres.Lock{{Table: "child", Mode: postgres.AccessExclusive}}},
}

func TestLocks(t *testing.T) {
	offline := []struct {
		sql  string
		want []postgres.Lock
	}{
		{"CREATE INDEX CONCURRENTLY i ON public.orders (a)", []postgres.Lock{{Table: "public.orders", Mode: postgres.ShareUpdateExclusive}}},
		{`ALTER TABLE "Big"."Table" ADD COLUMN x int`, []postgres.Lock{{Table: `"Big"."Table"`, Mode: postgres.AccessExclusive}}},
		{"VACUUM (FULL, VERBOSE) t", []postgres.Lock{{Table: "t", Mode: postgres.AccessExclusive}}},
		{"VACUUM ANALYZE t, u", []postgres.Lock{{Table: "t", Mode: postgres.ShareUpdateExclusive}, {Table: "u", Mode: postgres.ShareUpdateExclusive}}},
		{"ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", []postgres.Lock{{Table: "p", Mode: postgres.ShareUpdateExclusive}, {Table: "p1", Mode: postgres.ShareUpdateExclusive}}},
		{"SET lock_timeout = 1", nil},
		{"", nil},
		{"ALTER", nil},
		{"ALTER TABLE", nil},
		{"DROP INDEX CONCURRENTLY i", []postgres.Lock{{Table: "i", Mode: postgres.ShareUpdateExclusive}}},
	}
	for _, c := range append(offline, lockCases...) {
		if got := postgres.Locks(c.sql); !slices.Equal(got, c.want) {
			t.Errorf("Locks(%q) = %v, want %v", c.sql, got, c.want)
		}
	}
}

// TestLocksOfServer runs each statement in a transaction and asks pg_locks: the
// server is the judge of what the table above says.
func TestLocksOfServer(t *testing.T) {
	ctx := context.Background()
	s := connect(t, postgres.Options{})
	for _, sql := range []string{
		"CREATE TABLE parent (id int PRIMARY KEY)",
		"CREATE TABLE child (a int, b int, CONSTRAINT positive CHECK (a > 0) NOT VALID)",
		"CREATE INDEX child_a_idx ON child (a)",
		"CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one",
	} {
		query(t, s, sql)
	}
	for _, c := range lockCases {
		query(t, s, "BEGIN")
		before := heldLocks(t, s)
		query(t, s, c.sql)
		held := heldLocks(t, s)
		for _, want := range c.want {
			table := want.Table
			if c.sql == "ALTER TABLE child RENAME TO offspring" {
				table = "offspring"
			}
			if c.sql == "DROP TABLE IF EXISTS child" {
				continue // its name is gone from the catalog that resolves it
			}
			if !slices.Contains(held, postgres.Lock{Table: table, Mode: want.Mode}) {
				t.Errorf("%s: the server holds %v, predicted is %v", c.sql, held, want)
			}
		}
		for _, h := range held {
			stronger := h.Mode.StallsReaders() && !slices.ContainsFunc(c.want, func(w postgres.Lock) bool { return w.Mode.StallsReaders() })
			if stronger && !slices.Contains(before, h) && slices.Contains([]string{"parent", "child"}, h.Table) {
				t.Errorf("%s: the server holds %v too, which was not predicted", c.sql, h)
			}
		}
		if err := s.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func heldLocks(t *testing.T, s *postgres.Session) []postgres.Lock {
	t.Helper()
	r := query(t, s, "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted")
	var out []postgres.Lock
	for _, row := range r.Rows {
		out = append(out, postgres.Lock{Table: row[0].(string), Mode: postgres.LockMode(row[1].(string))})
	}
	return out
}
