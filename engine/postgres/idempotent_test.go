package postgres

import "testing"

func TestIdempotent(t *testing.T) {
	for want, statements := range map[bool][]string{
		true: {
			"SELECT 1", "SET a = 1", "SHOW a", "ALTER SYSTEM SET a = 1", "alter system reset a", "/* x */ SELECT pg_reload_conf();",
			"SELECT pg_catalog.set_config('a', 'b', false), now()", "VACUUM ANALYZE t", "ANALYZE", "CHECKPOINT", "CLUSTER",
			"REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REINDEX DATABASE d", "DROP INDEX CONCURRENTLY IF EXISTS i", "DROP DATABASE IF EXISTS d",
		},
		false: {
			"INSERT INTO t VALUES (1)", "SELECT nextval('s')", "SELECT citus_add_node('a', 1)", "SELECT my.pg_reload_conf()", "SELECT my.set_config('a')",
			"WITH x AS (DELETE FROM t RETURNING *) SELECT pg_reload_conf() FROM x", "SELECT pg_reload_conf() INTO t", "SELECT pg_reload_conf() FROM t FOR UPDATE",
			"SELECT pg_reload_conf(), f(1)", "DO $$ $$", "CALL p()", "REINDEX TABLE CONCURRENTLY t", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
			"DROP INDEX CONCURRENTLY i", "CREATE DATABASE d", "SELECT pg_terminate_backend(1)", "NOTIFY x", "",
		},
	} {
		for _, stmt := range statements {
			if got := Idempotent(stmt); got != want {
				t.Errorf("%s: %v, want %v", stmt, got, want)
			}
		}
	}
}

func TestTwice(t *testing.T) {
	for want, statements := range map[string][]string{
		"adds the rows once more":             {"INSERT INTO t VALUES (1)", "INSERT INTO t SELECT * FROM u", "INSERT INTO t DEFAULT VALUES", "COPY t FROM '/x'", "copy t (a) from program 'x'"},
		"changes the rows once more":          {"UPDATE t SET n = n + 1", "UPDATE t SET a = 1, \"N\" = \"N\" || 'x'"},
		"takes another number":                {"SELECT nextval('s')"},
		"fails, for what it creates is there": {"CREATE TABLE t (a int)", "CREATE INDEX CONCURRENTLY i ON t (a)"},
		"makes another index":                 {"CREATE INDEX ON t (a)", "CREATE UNIQUE INDEX CONCURRENTLY ON t (a)"},
		"fails, for what it drops is gone":    {"DROP TABLE t", "ALTER TABLE t DROP COLUMN a", "ALTER TABLE t DROP CONSTRAINT a"},
		"fails, for what it adds is there":    {"ALTER TABLE t ADD COLUMN a int", "ALTER TABLE t ADD CONSTRAINT a CHECK (true)"},
		"fails, for it has the other name":    {"ALTER TABLE t RENAME TO u"},
		"passes over the INVALID index that the first time left when it was broken off": {"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)"},
		"": {
			"SELECT citus_add_node('a', 1)", "DO $$ $$", "CALL p()", "ALTER SYSTEM SET a = 1", "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
			"INSERT INTO t SELECT * FROM u WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.a = u.a)", "UPDATE t SET n = 1", "UPDATE t SET n = n + 1, done = true WHERE NOT done",
			"CREATE TABLE IF NOT EXISTS t (a int)", "CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE TEMP TABLE t (a int)", "DROP TABLE IF EXISTS t",
			"ALTER TABLE t ADD COLUMN IF NOT EXISTS a int", "ALTER TABLE t DROP COLUMN IF EXISTS a", "ALTER TABLE t ALTER a SET NOT NULL", "COPY t TO '/x'",
			"COPY (SELECT * FROM t) TO '/x'", "DELETE FROM t", "UPDATE t SET a = b + 1", "",
		},
	} {
		for _, stmt := range statements {
			if got := Twice(stmt); got != want {
				t.Errorf("%s: %q, want %q", stmt, got, want)
			}
		}
	}
}
