//go:build linux || darwin

package main

import (
	"testing"
	"time"

	"runbook/engine/sandbox"
)

// concurrentBook distributes two tables beside each other, the second one large
// enough that a kill falls into the copying.
const concurrentBook = `
runbook: v1
vars: {workers: []}
steps:
  - name: Add a worker
    for_each: {worker: workers}
    sql: SELECT citus_add_node(${worker.host}, ${worker.port})
  - distribute: {table: shops, column: shop}
  - name: Watched
    parallel-monitor:
      probes: {blockers: {builtin: blockers, every: 50ms}}
      steps:
        - distribute: {table: orders, column: shop, colocate_with: shops, concurrently: true, foreign_keys: detach}
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
	if testing.Short() {
		t.Skip("a cluster takes its time")
	}
	if !citusInstalled() {
		t.Skip("Citus is not installed")
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{Engine: "citus", Workers: 1, CacheDir: cacheDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Stop() })
	e := concurrentExercise(box, 60000)
	whole := e.newLife(t)
	whole.goOn(t)
	want := whole.end(t)
	if t.Failed() {
		return
	}
	waited := 0
	kills := map[string][]time.Duration{
		"create_distributed_table_concurrently": {300 * time.Millisecond},
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
			l := e.newLife(t)
			l.dieWhen(t, running, later)
			l.goOn(t)
			if l.waited() {
				waited++
			}
			if got := l.end(t); got != want {
				t.Errorf("killed %s after %s began and resumed, it ends as\n%s\nwant\n%s", later, running, got, want)
			}
			l.over()
		}
	}
	if waited == 0 {
		t.Error("no resumed run had to wait for a backend of the killed one")
	}
	t.Logf("figures: on Citus: %d kills, %d backends waited for, a person asked %d times", e.kills, waited, e.asked)
}
