//go:build linux || darwin

package sandbox

import (
	"strings"
	"testing"
)

// startCitus starts a cluster with two workers and does what every runbook has to do first.
func startCitus(t *testing.T) (*Sandbox, *session) {
	t.Helper()
	s := startSandbox(t, Options{Engine: engineCitus, Workers: 2})
	c := connect(t, s.DSN())
	addWorkers(t, s, c)
	if c.try("SHOW output_plugin_libraries") == nil { // since PostgreSQL 15.19, 16.15, 17.11 and 18.6
		c.run("ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, citus", "SELECT pg_reload_conf()")
	}
	return s, c
}

func addWorkers(t *testing.T, s *Sandbox, c *session) {
	t.Helper()
	for _, w := range s.Workers() {
		if _, err := c.conn.Exec(t.Context(), "SELECT citus_add_node($1, $2)", w.Host, w.Port); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCitus(t *testing.T) {
	t.Parallel()
	s, c := startCitus(t)
	if s.Engine() != "citus" || !strings.HasPrefix(s.Banner(), "Citus ") || !strings.HasSuffix(s.Banner(), ", coordinator and 2 workers on loopback") {
		t.Errorf("engine %s, banner %s", s.Engine(), s.Banner())
	}
	c.want("SHOW citus.stat_statements_track", "none")
	c.want("SELECT role, count(*) FROM citus_nodes GROUP BY 1 ORDER BY 1", "coordinator|1\nworker|2")
	c.run(
		"CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 1000)",
		// Its subscriptions prove that the workers can log in to the coordinator, too.
		"SELECT create_distributed_table_concurrently('t', 'id')",
	)
	c.want("SELECT count(*) FROM t", "1000")
	c.want("SELECT nodeport, count(*) FROM citus_shards GROUP BY 1 ORDER BY 1 LIMIT 1 OFFSET 1", c.rows("SELECT max(nodeport) || '|16' FROM citus_nodes WHERE role = 'worker'"))

	dsn, err := s.NewDatabase(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	other := connect(t, dsn)
	addWorkers(t, s, other)
	other.run("CREATE TABLE t (id int PRIMARY KEY)", "SELECT create_distributed_table('t', 'id')")
	other.want("SELECT count(*) FROM t", "0")
	if err := s.DropDatabase(t.Context(), "other"); err != nil {
		t.Error(err)
	}
}

// Others on this machine can reach the port, but not get in.
func TestCitusWantsPassword(t *testing.T) {
	s := startSandbox(t, Options{Engine: engineCitus})
	without := strings.Replace(s.DSN(), ":"+s.password+"@", "@", 1)
	if without == s.DSN() {
		t.Fatal("no password in " + s.DSN())
	}
	t.Setenv("PGPASSFILE", "/dev/null")
	if err := tryConnect(t.Context(), without); err == nil {
		t.Error("got in without a password")
	}
	if err := tryConnect(t.Context(), s.DSN()); err != nil {
		t.Error(err)
	}
}

// Citus is the oracle for what the stand-in says.
func TestCatalogueOnCitus(t *testing.T) {
	t.Parallel()
	s, _ := startCitus(t)
	testCatalogue(t, s.DSN())
}

func TestExerciseOnCitus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes 15 seconds")
	}
	s, _ := startCitus(t)
	exercise(t, s, s.DSN())
}
