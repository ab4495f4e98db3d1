//go:build linux || darwin

package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"runbook/engine/sandbox"
)

// concurrentBook distributes two tables beside each other, the second one large
// enough that a kill falls into the copying.
const concurrentBook = `
runbook: v1
vars: {workers: [], hold: 10m}
steps:
  - name: Add a worker
    for_each: {worker: workers}
    sql: SELECT citus_add_node(${worker.host}, ${worker.port})
  - distribute: {table: shops, column: shop}
  - name: Watched
    parallel-monitor:
      probes: {blockers: {builtin: blockers, every: 50ms}}
      steps:
        - distribute: {table: orders, column: shop, colocate_with: shops, concurrently: true, foreign_keys: detach, hold_switch_over: "${hold}"}
  - sql: SELECT count(*) FROM orders
    register: n
  - assert: n == 60000
`

var concurrentState = []string{
	"SELECT conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '_[0-9]+$' ORDER BY 1, 2",
	"SELECT table_name::text, citus_table_type, distribution_column, shard_count FROM citus_tables ORDER BY 1",
	"SELECT count(*), sum(id), sum(shop) FROM orders",
	"SELECT count(*) FROM citus_get_active_worker_nodes()",
}

// concurrentExercise distributes a table of so many rows concurrently.
func concurrentExercise(box *sandbox.Sandbox, rows int) *exercise {
	return &exercise{
		box: box, text: strings.ReplaceAll(concurrentBook, "60000", strconv.Itoa(rows)), state: concurrentState, vars: []string{workersOf(box)},
		prepare: executing(
			loadPlugins,
			"CREATE TABLE shops (shop int PRIMARY KEY)", "INSERT INTO shops SELECT generate_series(1, 200)",
			"CREATE TABLE orders (id int, shop int CONSTRAINT orders_shop_fkey REFERENCES shops ON DELETE CASCADE, note text, PRIMARY KEY (shop, id))",
			fmt.Sprintf("INSERT INTO orders SELECT i, 1 + i %% 200, repeat('x', 100) FROM generate_series(1, %d) i", rows),
		),
	}
}

func afterMilliseconds(list ...int) []time.Duration {
	out := make([]time.Duration, len(list))
	for i, n := range list {
		out[i] = time.Duration(n) * time.Millisecond
	}
	return out
}

// TestCitusKilled kills a run on a real cluster at records around the distribution
// and inside of create_distributed_table_concurrently, whose backend runs on when
// its client is gone: the resumed run waits for it and finds the table
// distributed.
func TestCitusKilled(t *testing.T) {
	e := concurrentExercise(ownCluster(t, 1), 60000)
	_, want := e.undisturbed(t)
	waited := 0
	kills := map[string][]time.Duration{
		"create_distributed_table_concurrently": afterMilliseconds(300),
	}
	if *everyKill {
		kills = map[string][]time.Duration{
			"create_distributed_table_concurrently": afterMilliseconds(0, 100, 200, 400, 600, 800, 1200, 1600, 2400, 3200),
			"citus_add_local_table_to_metadata":     afterMilliseconds(0, 20, 60),
			"create_distributed_table(":             afterMilliseconds(0, 50, 200, 400),
			"DROP CONSTRAINT":                       afterMilliseconds(0, 5),
			"NOT VALID":                             afterMilliseconds(0, 20, 60),
			"VALIDATE CONSTRAINT":                   afterMilliseconds(0, 20),
		}
	}
	for running, instants := range kills {
		for _, later := range instants {
			records := e.survives(t, fmt.Sprintf("killed %s after %s began", later, running), want, func(t *testing.T, l *life) {
				l.dieWhen(t, running, later)
			})
			if hasWaited(records) {
				waited++
			}
		}
	}
	if waited == 0 {
		t.Error("no resumed run had to wait for a backend of the killed one")
	}
	t.Logf("figures: on Citus: %d kills, %d backends waited for, a person asked %d times", e.kills, waited, e.asked)
}
