//go:build linux || darwin

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"runbook/engine/sandbox"
	"runbook/runbooks"
)

// Tailspin, the whole exercise, is killed at records of its journal and at
// random instants, and resumed. The end must be that of an undisturbed run.

var (
	everyKill = flag.Bool("every-kill", false, "kill tailspin at every record, not at a sample of them")
	killPart  = flag.String("kill-part", "1/1", "of -every-kill, only every Nth record from the Kth on: K/N, for several runs beside each other")
	killSeed  = flag.Uint64("kill-seed", 1, "where the sample begins and the random instants fall")
)

// tailspinState is the catalog, and the rows that no shop touches.
var tailspinState = []string{
	"SELECT conrelid::regclass, conname, contype, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conparentid = 0 AND confrelid::regclass::text !~ '^standin' ORDER BY 1, 2",
	"SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '_[0-9]{6,}' ORDER BY 1",
	"SELECT table_name::text, citus_table_type, distribution_column, shard_count, colocation_id = min(colocation_id) OVER () FROM citus_tables ORDER BY 1",
	"SELECT count(*) FROM citus_get_active_worker_nodes()",
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM stores s",
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM products s",
}

// quietState has the rows that shops would touch too.
var quietState = append([]string{
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM orders s",
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM line_items s",
}, tailspinState...)

// tailspin is the shipped runbook at a tiny scale, without shops.
func tailspin(t *testing.T, box *sandbox.Sandbox) *exercise {
	t.Helper()
	text, err := runbooks.FS.ReadFile("tailspin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	e := &exercise{
		box: box, text: strings.NewReplacer("baseline: 2s", "baseline: 100ms", "  setup: tailspin/prepare.yaml\n", "").Replace(string(text)), state: quietState,
		vars: []string{"samples=6", "shops=0", "batch=2", workersOf(box)},
	}
	e.prepare = func(dsn string) error {
		out, err := inDir(t.TempDir(), dsn, "run", "tailspin/prepare.yaml", "--var", "scale=0.0002")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
	e.template = e.newLife(t).name
	return e
}

func TestTailspinKilled(t *testing.T) {
	e := tailspin(t, sharedServer(t))
	random := rand.New(rand.NewPCG(*killSeed, 0)) //nolint:gosec // chooses instants, keeps no secret
	whole, want := e.undisturbed(t)
	total := len(whole.journal())
	first, step, instants := 1+random.IntN(max(1, total/7)), max(1, total/7), 3
	if *everyKill {
		first, step, instants = 1, 1, 40
		if _, err := fmt.Sscanf(*killPart, "%d/%d", &first, &step); err != nil || first < 1 || step < first {
			t.Fatalf("-kill-part is K/N, not %q", *killPart)
		}
		instants /= step
	}
	for at, turn := first, 0; at <= total; at, turn = at+step, turn+1 {
		for i, side := range []string{"BEFORE", "AFTER"} {
			if !*everyKill && turn%2 != i {
				continue
			}
			e.survives(t, fmt.Sprintf("killed %s record %d of %d", side, at, total), want, func(t *testing.T, l *life) {
				l.dieAt(t, side, at)
			})
		}
	}
	// With shops that write, at random instants, and killed again while it goes on.
	e.vars[1], e.state = "shops=1", tailspinState
	want = whole.end(t)
	for range instants {
		first, second := time.Duration(random.Int64N(int64(whole.took))), time.Duration(random.Int64N(int64(whole.took)))
		e.survives(t, fmt.Sprintf("killed after %s and %s", first, second), want, func(t *testing.T, l *life) {
			if l.dieAfter(t, first, l.runArgs()...) && len(l.journal()) > 0 && !l.ended() {
				l.dieAfter(t, second, "resume")
			}
		})
	}
	t.Logf("figures: tailspin on the stand-in: %d records, %d kills, a person asked %d times", total, e.kills, e.asked)
}
