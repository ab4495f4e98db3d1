package postgres

import "testing"

func TestClassify(t *testing.T) {
	for class, statements := range map[Class][]string{
		Read: {
			"SELECT 1", "(SELECT 1) UNION (VALUES (2))", "TABLE t", "SHOW all", "/* x */ select count(*) from t -- y",
			"SELECT a FROM t WHERE b IN (1, 2) AND NOT (c) GROUP BY (a) ORDER BY (a)",
			"WITH x(a, b) AS MATERIALIZED (SELECT 1, 2) SELECT pg_catalog.now() FROM x AS y(c, d)",
			"SELECT x::numeric(10, 2), CAST(y AS varchar(3)), 'INSERT INTO', \"update\" FROM t",
			"EXPLAIN DELETE FROM t", "EXPLAIN (VERBOSE, FORMAT json) SELECT f(1)", "EXPLAIN ANALYZE SELECT 1",
			"SELECT row_number() OVER (PARTITION BY (a)), count(*) FILTER (WHERE a) FROM t TABLESAMPLE SYSTEM (10)",
			"SELECT a FROM t GROUP BY GROUPING SETS ((a), ())", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t",
			"SELECT pg_get_constraintdef(oid) FROM pg_constraint", "SELECT count(*) FROM citus_get_active_worker_nodes()",
			"SELECT substring(a FOR 3) FROM t", "SELECT * FROM t WHERE EXISTS (SELECT 1)",
		},
		Write: {
			"INSERT INTO t VALUES (1)", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "SELECT * INTO u FROM t",
			"SELECT * FROM t FOR UPDATE", "SELECT * FROM t FOR NO KEY UPDATE", "SELECT * FROM t FOR KEY SHARE",
			"SELECT nextval('s')", "SELECT my.count(*)", "SELECT \"Count\"(1)", "SELECT system('x')", "SELECT over(1)",
			"SELECT set_config('a', 'b', false)", "SELECT create_distributed_table('t', 'c')", "SELECT a[1:nextval('s')] FROM t",
			"EXPLAIN ANALYZE DELETE FROM t", "EXPLAIN (ANALYZE, COSTS off) SELECT f(1)", "CALL p()", "DO $$ $$",
			"COPY t TO '/tmp/x'", "SELECT * FROM f(1) AS (a int)", "MERGE INTO t USING u ON true", "NOTIFY x", "", "SELEC 1",
		},
		DDL: {
			"CREATE TABLE t (a int)", "CREATE INDEX ON t (a)", "ALTER TABLE t ADD a int", "DROP TABLE t", "TRUNCATE t",
			"REFRESH MATERIALIZED VIEW CONCURRENTLY v", "GRANT SELECT ON t TO u", "REINDEX TABLE t", "CLUSTER t",
			"ALTER DATABASE d SET work_mem = 1", "ALTER SUBSCRIPTION s DISABLE",
		},
		NonTransactional: {
			"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "drop index concurrently i", "REINDEX TABLE CONCURRENTLY t",
			"REINDEX (VERBOSE, CONCURRENTLY) TABLE t", "VACUUM t", "ALTER SYSTEM SET a = 1", "CREATE DATABASE d", "DROP DATABASE d",
			"DROP TABLESPACE s", "CLUSTER", "ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "ALTER DATABASE d SET TABLESPACE s",
			"SELECT create_distributed_table_concurrently('t', 'c')", "SELECT pg_catalog.create_distributed_table_concurrently('t', 'c')",
			"COMMIT PREPARED 'x'", "DROP SUBSCRIPTION s", "REINDEX DATABASE d",
		},
		Transaction: {"BEGIN", "START TRANSACTION", "end", "ROLLBACK TO s", "SAVEPOINT s", "RELEASE s", "PREPARE TRANSACTION 'x'", "SET TRANSACTION READ ONLY"},
		Setting:     {"SET a = 1", "RESET ALL", "LISTEN x", "DISCARD ALL", "PREPARE x AS SELECT 1"},
	} {
		for _, stmt := range statements {
			if got := Classify(stmt); got != class {
				t.Errorf("%s: %v, want %v", stmt, got, class)
			}
		}
	}
}
