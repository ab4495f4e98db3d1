//go:build linux || darwin

package main

import (
	"fmt"
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
	e := &exercise{
		box: sharedServer(t), text: distributeBook,
		state: []string{
			"SELECT conrelid::regclass, conname, contype, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conparentid = 0 AND confrelid::regclass::text !~ '^standin' ORDER BY 1, 2",
			"SELECT table_name::text, citus_table_type, distribution_column, shard_count, colocation_id = min(colocation_id) OVER () FROM citus_tables ORDER BY 1",
			"SELECT count(*), sum(id), sum(shop) FROM orders", "SELECT count(*) FROM done",
		},
		prepare: executing(
			"CREATE TABLE shops (shop int PRIMARY KEY)", "INSERT INTO shops SELECT generate_series(1, 200)", "CREATE TABLE done (n int)",
			"CREATE TABLE orders (id int, shop int CONSTRAINT orders_shop_fkey REFERENCES shops ON DELETE CASCADE, PRIMARY KEY (shop, id))",
			"INSERT INTO orders SELECT i, 1 + i % 200 FROM generate_series(1, 2000) i",
		),
	}
	e.template = e.newLife(t).name
	_, want := e.undisturbed(t)
	all := []faulty.Fault{faulty.CutBefore, faulty.CutDuring, faulty.CutAfter, faulty.ResetAfter, faulty.StallAfter}
	struck, unnoticed := 0, 0
	for i, text := range []string{
		"LEFT JOIN citus t ON", "pg_get_constraintdef", "search_path", "SELECT create_distributed_table(",
		"DROP CONSTRAINT", "pg_current_xact_id", "COMMIT", "citus_add_local_table_to_metadata", "client_min_messages = log",
		"create_distributed_table_concurrently(", "RESET client_min_messages", "ADD CONSTRAINT", "INSERT INTO done",
	} {
		for j, f := range all {
			if !*everyKill && (i+j)%3 != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s at %s", f, text), func(t *testing.T) {
				l := e.newLife(t)
				network := &faulty.Proxy{Fault: f, Text: text, Stall: 30 * time.Millisecond}
				said, err := l.runThrough(t, network, exitInDoubt, exitFailed, exitNotReady)
				struck++
				if err == nil {
					unnoticed++
				} else {
					if len(l.journal()) > 0 && !strings.Contains(said, "runbook resume ") && !strings.Contains(said, "runbook ledger restore ") {
						t.Error("nothing says how to go on")
					}
					l.goOn(t)
				}
				if l.mustEnd(t, want); t.Failed() {
					t.Logf("the run said\n%s", said)
				}
			})
		}
	}
	if e.asked > 0 {
		t.Errorf("a person was asked %d times about what the tables tell", e.asked)
	}
	t.Logf("figures: network faults under distribute: %d, run went on by itself: %d", struck, unnoticed)
}
