//go:build linux || darwin

package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"runbook/internal/faulty"
)

// distributeBook takes foreign keys away, brings them back, and makes both calls
// that distribute.
const distributeBook = `
runbook: v1
steps:
  - distribute: {table: shops, column: shop}
  - distribute: {table: orders, column: shop, colocate_with: shops, concurrently: true, foreign_keys: detach}
  - sql: INSERT INTO done VALUES (1)
`

// TestDistributeNetworkFaults breaks the connection at each kind of statement of
// distribute, and in the middle of its long calls.
func TestDistributeNetworkFaults(t *testing.T) {
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	e := &exercise{
		box: box, text: distributeBook,
		state: []string{
			"SELECT conrelid::regclass, conname, contype, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conparentid = 0 AND confrelid::regclass::text !~ '^standin' ORDER BY 1, 2",
			"SELECT table_name::text, citus_table_type, distribution_column, shard_count, colocation_id = min(colocation_id) OVER () FROM citus_tables ORDER BY 1",
			"SELECT count(*), sum(id), sum(shop) FROM orders", "SELECT count(*) FROM done",
		},
		prepare: func(dsn string) error {
			s, err := connect(context.Background(), dsn)
			if err != nil {
				return err
			}
			defer s.Close(context.Background())
			_, err = query(context.Background(), s, []string{
				"CREATE TABLE shops (shop int PRIMARY KEY)", "INSERT INTO shops SELECT generate_series(1, 200)", "CREATE TABLE done (n int)",
				"CREATE TABLE orders (id int, shop int CONSTRAINT orders_shop_fkey REFERENCES shops ON DELETE CASCADE, PRIMARY KEY (shop, id))",
				"INSERT INTO orders SELECT i, 1 + i % 200 FROM generate_series(1, 2000) i",
			})
			return err
		},
	}
	template := e.newLife(t)
	e.template = template.name
	whole := e.newLife(t)
	whole.goOn(t)
	want := whole.end(t)
	all := []faulty.Fault{faulty.CutBefore, faulty.CutDuring, faulty.CutAfter, faulty.ResetAfter, faulty.StallAfter}
	struck, unnoticed := 0, 0
	for i, text := range []string{
		"LEFT JOIN citus_tables", "pg_get_constraintdef", "search_path", "SELECT create_distributed_table(",
		"DROP CONSTRAINT", "pg_current_xact_id", "COMMIT", "citus_add_local_table_to_metadata", "client_min_messages = log",
		"create_distributed_table_concurrently(", "RESET client_min_messages", "ADD CONSTRAINT", "INSERT INTO done",
	} {
		for j, f := range all {
			if !*everyKill && (i+j)%3 != 0 {
				continue
			}
			l := e.newLife(t)
			proxy := &faulty.Proxy{Fault: f, Text: text, Stall: 30 * time.Millisecond}
			through, err := proxy.Start(l.dsn)
			if err != nil {
				t.Fatal(err)
			}
			out, err := inDir(l.dir, through, child+"=", l.runArgs()...)
			proxy.Close()
			if !proxy.Struck() {
				t.Errorf("%s at %q: the run never sent it\n%s", f, text, out)
				continue
			}
			struck++
			var exit *exec.ExitError
			switch {
			case err == nil:
				unnoticed++
			case !errors.As(err, &exit) || exit.ExitCode() != exitInDoubt && exit.ExitCode() != exitFailed && exit.ExitCode() != exitNotReady:
				t.Errorf("%s at %q: %v\n%s", f, text, err, out)
			case begun(l.dir) > 0 && !strings.Contains(string(out), "runbook resume ") && !strings.Contains(string(out), "runbook ledger restore "):
				t.Errorf("%s at %q: nothing says how to go on\n%s", f, text, out)
			}
			if err != nil {
				l.goOn(t)
			}
			if got := l.end(t); got != want {
				t.Errorf("%s at %q and resumed, it ends as\n%s\nwant\n%s\nthe run said\n%s", f, text, got, want, out)
			}
			l.over()
		}
	}
	if e.asked > 0 {
		t.Errorf("a person was asked %d times about what the tables tell", e.asked)
	}
	t.Logf("figures: network faults under distribute: %d, run went on by itself: %d", struck, unnoticed)
}

// monitorBook watches a step with a load and a probe, whose sessions are cut.
const monitorBook = `
runbook: v1
steps:
  - name: Watched
    parallel-monitor:
      load:
        shops: {sql: INSERT INTO sold VALUES (1), connections: 1, pause: 20ms}
      probes:
        sales: {sql: SELECT count(*) FROM sold, every: 20ms}
      steps:
        - sql: INSERT INTO done SELECT 1 FROM pg_sleep(1)
    register: watched
  - assert:
      - watched.load.shops.executions > 5
      - watched.probes.sales.samples > 5
  - assert: watched.load.shops.reconnects + watched.probes.sales.errors >= 1
    message: a cut must show
`

// TestMonitorNetworkFaults breaks the connections of a load and of a probe: they
// connect again, and the watched steps do not notice.
func TestMonitorNetworkFaults(t *testing.T) {
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	e := &exercise{
		box: box, text: monitorBook, state: []string{"SELECT count(*) FROM done"},
		prepare: func(dsn string) error {
			s, err := connect(context.Background(), dsn)
			if err != nil {
				return err
			}
			defer s.Close(context.Background())
			_, err = query(context.Background(), s, []string{"CREATE TABLE sold (n int)", "CREATE TABLE done (n int)"})
			return err
		},
	}
	struck, wentOn := 0, 0
	for _, text := range []string{"INSERT INTO sold", "FROM sold"} {
		for _, f := range []faulty.Fault{faulty.CutBefore, faulty.CutAfter, faulty.ResetBefore, faulty.ResetAfter} {
			l := e.newLife(t)
			proxy := &faulty.Proxy{Fault: f, Text: text, Skip: 5}
			through, err := proxy.Start(l.dsn)
			if err != nil {
				t.Fatal(err)
			}
			out, err := inDir(l.dir, through, child+"=", l.runArgs()...)
			proxy.Close()
			if err != nil || !proxy.Struck() {
				t.Errorf("%s at %q: struck %v, %v\n%s", f, text, proxy.Struck(), err, out)
			}
			struck++
			if err == nil {
				wentOn++
			}
			if got := l.end(t); got != "1\n" {
				t.Errorf("%s at %q: the step happened %s times", f, text, got)
			}
			l.over()
		}
	}
	t.Logf("figures: network faults under a load or a probe: %d, run went on by itself: %d", struck, wentOn)
}
