package report

import (
	"strings"
	"testing"

	"runbook/engine/event"
)

// sees is a sighting of the one conflict.
func sees(at float64, c event.Conflict) event.Record {
	return one(at, event.Sighting{Step: "w", Probe: "blockers", Conflicts: []event.Conflict{c}})
}

// watched is what is shown of records under a step that watches.
func watched(t *testing.T, records ...event.Record) string {
	t.Helper()
	records = append([]event.Record{one(0, started("w", "watch", 0))}, records...)
	return shown(t, append(records, one(6, finished("w", "watch", 0, event.Done))), PlainOptions{})
}

func TestSightingsOfOneKindAreCounted(t *testing.T) {
	see := func(at float64, pid int64, query string) event.Record {
		return sees(at, event.Conflict{
			BlockedPID: pid, BlockedQuery: "SELECT distribute", BlockingPID: 9, BlockingApp: "loader", BlockingState: "idle in transaction",
			BlockingQuery: query, Relation: "orders", WaitEvent: "Lock/relation", Waiting: seconds(1.2),
		})
	}
	out := watched(t, see(1, 5, "SELECT a"), see(2, 6, "SELECT a"), see(3, 5, "SELECT   a"), see(4, 5, "SELECT b"), see(5, 5, "SELECT b"))
	expectAmong(
		t, out,
		"lock    pid 5 waits for pid 9 since 11:59:59, 1.2s\n",
		"          blocks  loader  idle in transaction  SELECT a\n",
		"lock    3 more sightings like these\n",
	)
	if n := strings.Count(out, "waits for"); n != 2 {
		t.Errorf("%d conflicts are shown, want 2", n)
	}
}

func TestAWindowHasALineAtItsEnd(t *testing.T) {
	see := func(at float64, pid int64, query string) event.Record {
		return sees(at, event.Conflict{
			BlockedPID: pid, BlockedQuery: "SELECT distribute", BlockingPID: 9, BlockingQuery: query,
			BlockingMode: "AccessShareLock", BlockingAge: seconds(3), Node: "w1:5432",
		})
	}
	gone := func(at, took, margin float64, open bool) event.Record {
		return one(at, event.WindowClosed{Step: "w", Probe: "blockers", Duration: seconds(took), Margin: seconds(margin), Open: open})
	}
	out := watched(
		t,
		see(1, 5, "SELECT a"), see(1.5, 6, "SELECT b"), gone(2, 1.2, 0.01, false),
		see(3, 7, "SELECT a"), gone(3, 0.04, 0, false), // not shown, and so neither is its end
		see(4, 7, "SELECT c"), gone(4, 0, 0.09, false),
		see(5, 7, "SELECT d"), gone(5, 1, 0, true),
	)
	expectAmong(
		t, out,
		"for     on worker w1:5432\n",
		"by      AccessShareLock, in a transaction of 3.0s\n",
		"gone    blockers: after 1.2s  pid 5 no longer waits for pid 9\n",
		"gone    blockers: after at most 90ms  pid 7 no longer waits for pid 9\n",
		"seen    blockers: still there after 1.0s\n",
		"lock    1 more sighting like these, the longest window 40ms\n",
	)
	if n := strings.Count(out, "gone"); n != 2 {
		t.Errorf("%d windows end, want 2", n)
	}
}

// A pause and what a probe sees are shown, although the turn of a loop that they
// come in is kept back and dropped.
func TestGuardsAreShownWhateverIsKeptBack(t *testing.T) {
	records := []event.Record{
		one(0, started("w", "watch", 0)),
		one(0, event.Sighting{Step: "w", Probe: "first", Text: "value > 0"}),
		one(0, started("w/g", "batches", 1)),
	}
	for n := range 4 {
		records = append(records, turn(float64(n)/10, "w/g", 2, n+1)...)
	}
	records = append(
		records,
		one(0.4, event.GuardHeld{Step: "w", Guard: "pause_if", Condition: "probes.first.seeing"}),
		one(0.4, event.Sighting{Step: "w", Probe: "second", Text: "value > 1"}),
		one(0.5, event.GuardEnded{Step: "w", Guard: "pause_if", Duration: seconds(1)}),
	)
	records = append(records, turn(0.5, "w/g", 2, 5)...)
	records = append(
		records,
		one(0.6, event.GuardHeld{Step: "w", Guard: "abort_if", Condition: "load.shops.errors > 3"}),
		one(0.6, event.GuardEnded{Step: "w", Guard: "abort_if", Duration: seconds(0.038)}),
		one(0.7, event.GuardHeld{Step: "w", Guard: "abort_if", Early: true, Undecided: "index out of range"}),
	)
	expectAmong(
		t, shown(t, records, PlainOptions{}),
		"pause   pause_if holds: probes.first.seeing, no further step begins\n",
		"seen    second: value > 1\n",
		"pause   over after 1.0s\n",
		"stop    abort_if holds: load.shops.errors > 3, cancelling the steps\n",
		"stop    cancelled 38ms after the condition was seen\n",
		"stop    abort_if cannot be decided: index out of range, the steps do not begin\n",
	)
}
