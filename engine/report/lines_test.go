package report

import (
	"strings"
	"testing"
	"time"

	"runbook/engine/event"
)

// The tests here say what the lines of a few events are; those of whole runs
// are in testdata.

func started(path, title string, depth int) event.StepStarted {
	return event.StepStarted{Step: path, Title: title, Action: "sql", Depth: depth}
}

func finished(path, title string, depth int, status event.Status) event.StepFinished {
	return event.StepFinished{Step: path, Title: title, Action: "sql", Depth: depth, Status: status, Duration: event.Duration(3 * time.Millisecond)}
}

// words are the first columns and titles of what is shown, a line each.
func words(s string) string {
	var lines []string
	for l := range strings.Lines(s) {
		if f := strings.Fields(l); len(f) > 0 {
			lines = append(lines, strings.Join(f[:min(len(f), 3)], " "))
		}
	}
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, records []event.Record, want string) {
	t.Helper()
	want = strings.TrimSpace(want)
	if got := words(shown(t, records, PlainOptions{})); got != want {
		t.Errorf("got\n%s\n\nwant\n%s", got, want)
	}
}

func TestEveryEndingHasAWord(t *testing.T) {
	seen := map[string]event.Status{}
	for _, s := range []event.Status{event.Done, event.Failed, event.Skipped, event.NotReached, event.Unknown, event.Interrupted} {
		word, _ := ending(s, false)
		if other, taken := seen[word]; taken {
			t.Errorf("%q stands for %q and for %q", word, other, s)
		}
		if seen[word] = s; len(word) >= wordWidth {
			t.Errorf("%q is too long", word)
		}
	}
	if word, _ := ending("of a newer version", false); word != "????" {
		t.Errorf("a status that is not known is %q", word)
	}
}

func TestAStepOpensWhenSomethingIsUnderIt(t *testing.T) {
	expect(t, []event.Record{
		one(0, started("a", "quick", 0)), one(0, finished("a", "quick", 0, event.Done)),
		one(1, started("b", "outer", 0)), one(1, started("b/1", "inner", 1)),
		one(1, event.Notice{Step: "b/1", Severity: "WARNING", Message: "mind"}),
		one(1, finished("b/1", "inner", 1, event.Done)), one(1, finished("b", "outer", 0, event.Done)),
	}, `
ok quick 3ms
>> outer
>> inner
warn WARNING mind
ok inner 3ms
ok outer 3ms`)
}

func TestProgressComesSeldom(t *testing.T) {
	records := []event.Record{one(0, started("a", "copy", 0))}
	for i := range 4000 {
		records = append(records, one(float64(i), event.Progress{Step: "a", Phase: "copying", Elapsed: event.Duration(time.Duration(i) * time.Second)}))
	}
	out := shown(t, records, PlainOptions{})
	if n := strings.Count(out, "\n"); n < 60 || n > 85 {
		t.Errorf("%d lines in 4000 s", n)
	}
	if strings.Contains(out, " 4s\n") || !strings.Contains(out, " 5s\n") {
		t.Error("the first sign of life is not at 5 s")
	}
}

func TestProgressTellsWhatIsLeft(t *testing.T) {
	at := func(s float64, done int64) event.Record {
		return one(s, event.Progress{Step: "a", Phase: "copying", Done: done, Total: 4000, Unit: "rows"})
	}
	out := shown(t, []event.Record{one(0, started("a", "copy", 0)), at(0, 0), at(10, 1000)}, PlainOptions{})
	if !strings.Contains(out, "copying  1,000 of 4,000 rows (25%), about 30s left") {
		t.Error(out)
	}
}

// progressOf is what is shown of a step that is in a phase for 10 s.
func progressOf(t *testing.T, e event.Progress) string {
	t.Helper()
	e.Step = "a"
	out := shown(t, []event.Record{one(0, started("a", "copy", 0)), one(10, e)}, PlainOptions{})
	_, lines, _ := strings.Cut(out, ">>    copy\n")
	var b strings.Builder
	for l := range strings.Lines(lines) {
		b.WriteString(strings.TrimSpace(l) + "\n")
	}
	return b.String()
}

func TestProgressSaysHowMuchIsDone(t *testing.T) {
	seconds := func(s float64) event.Duration { return event.Duration(s * float64(time.Second)) }
	for _, c := range []struct {
		e    event.Progress
		want string
	}{
		{event.Progress{Phase: "preparing", Elapsed: seconds(10)}, "..      preparing  10s"},
		{event.Progress{Phase: "copying", RowsDone: 1_204_000, RowsTotal: 4_002_959, BytesDone: 80_000_000, BytesTotal: 300_000_000, Estimated: []string{"rows_total", "bytes_total", "remaining"}, RowsPerSecond: 210_456, Remaining: seconds(13.3), Elapsed: seconds(12)}, "..      copying  1.2 of ~4.0 million rows (30%), 76 MB, 210,000 rows/s, about 13s left  12s"},
		{event.Progress{Phase: "copying", RowsDone: 1000, RowsTotal: 4000, RowsPerSecond: 100, Remaining: seconds(30)}, "..      copying  1,000 of 4,000 rows (25%), 100 rows/s, about 30s left"},
		{event.Progress{Phase: "copying", RowsDone: 87_654, RowsTotal: 4_002_959, Estimated: []string{"rows_total"}}, "..      copying  87,700 of ~4.0 million rows (2%)"},
		{event.Progress{Phase: "copying", RowsDone: 3_999_999, RowsTotal: 4_000_000}, "..      copying  3.9 of 4.0 million rows (99%)"},
		{event.Progress{Phase: "copying", RowsDone: 2_500_000_000, BytesDone: 90 << 30, BytesTotal: 100 << 30, Estimated: []string{"bytes_total"}, AtLeast: true, Remaining: seconds(600)}, "..      copying  at least 2.5 billion rows, 90 GB of ~100 GB (90%), about 10m left"},
		{event.Progress{Phase: "copying", RowsDone: 5, RowsTotal: 10, Still: seconds(15)}, "..      copying  5 of 10 rows (50%), nothing has moved for 15s"},
		{event.Progress{Phase: "catching up", LagBytes: 20 << 20}, "..      catching up  20 MB of changes to replay"},
		{event.Progress{Table: "public.copy", Phase: "preparing"}, "..      preparing"}, // the step is called that
		{event.Progress{Table: `public."Line items"`, Phase: "preparing"}, `..      public."Line items"  preparing`},
		{event.Progress{Phase: "validating orders_store_id_fkey", Still: seconds(12), Elapsed: seconds(12)}, "..      validating orders_store_id_fkey  12s"},
	} {
		if got := progressOf(t, c.e); got != c.want+"\n" {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestProgressNamesTheTable(t *testing.T) {
	for title, want := range map[string]string{
		"Distribute orders while the shops sell": "..      copying",
		"Move the sales":                         "..      public.orders  copying",
		"distribute: orders, line_items":         "..      public.orders  copying",
	} {
		out := shown(t, []event.Record{one(0, started("a", title, 0)), one(10, event.Progress{Step: "a", Table: "public.orders", Phase: "copying"})}, PlainOptions{})
		if !strings.Contains(out, "\n"+want+"\n") {
			t.Errorf("got\n%s\nwant %q", out, want)
		}
	}
}

func TestProgressSaysWhoIsInTheWay(t *testing.T) {
	seconds := func(s float64) event.Duration { return event.Duration(s * float64(time.Second)) }
	loader := event.Holder{PID: 7414, Application: "loader", State: "active", Statement: "SELECT\n  create_orders(20000)", Transaction: seconds(14), Waiting: seconds(12)}
	for _, c := range []struct {
		e    event.Progress
		want string
	}{
		{
			event.Progress{Phase: "waiting for open transactions", Elapsed: seconds(17), Still: seconds(12), WaitingFor: []event.Holder{loader}},
			"..      waiting for open transactions for 12s  17s\nbehind pid 7414 (loader), 14s in its transaction: SELECT create_orders(20000)\n",
		},
		{
			event.Progress{Phase: "switching over", WaitingFor: []event.Holder{{PID: 12, Node: "10.0.0.7:5432", State: "idle in transaction", Transaction: seconds(62), Waiting: seconds(3)}, {GID: "order-7", Transaction: seconds(7200)}}},
			"..      switching over, waiting for 3s\nbehind pid 12 on 10.0.0.7:5432, 1m02s in its transaction, idle\n" +
				"behind prepared transaction \"order-7\", 2h00m old, until somebody commits it or rolls it back\n",
		},
		{
			event.Progress{Phase: "preparing", WaitingFor: []event.Holder{{PID: 1}, {PID: 2}, {PID: 3}, {PID: 4}, {PID: 5}}},
			"..      preparing, waiting for 0s\nbehind pid 1\nbehind pid 2\nbehind pid 3\nand 2 more\n",
		},
	} {
		if got := progressOf(t, c.e); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestProgressTellsChangesAtOnceAndRepeatsSeldom(t *testing.T) {
	at := func(s float64, phase string, pids ...int64) event.Record {
		e := event.Progress{Step: "a", Phase: phase, Elapsed: event.Duration(s * float64(time.Second))}
		for _, pid := range pids {
			e.WaitingFor = append(e.WaitingFor, event.Holder{PID: pid})
		}
		return one(s, e)
	}
	records := []event.Record{one(0, started("a", "copy", 0)), at(1, "preparing"), at(2, "copying")}
	for s := 3.0; s < 80; s++ {
		switch {
		case s < 7:
			records = append(records, at(s, "copying"))
		case s < 60:
			records = append(records, at(s, "switching over", 5))
		default:
			records = append(records, at(s, "switching over", 6))
		}
	}
	expect(t, records, `
>> copy
.. copying 5s
.. switching over,
behind pid 5
.. switching over,
behind pid 5
.. switching over,
behind pid 6`)
}

// retried is a group whose step fails n times, half a second each, before what
// follows.
func retried(n int, then ...event.Record) []event.Record {
	locked := &event.Failure{Message: "canceling statement due to lock timeout", SQLState: "55P03", Condition: "lock_not_available"}
	records := []event.Record{one(0, started("g", "keys", 0))}
	for i := range n {
		at := float64(i) / 2
		failed := finished("g/1", "drop", 1, event.Failed)
		failed.Failure = locked
		records = append(records, one(at, started("g/1", "drop", 1)), one(at+0.2, failed),
			one(at+0.2, event.StepRetrying{Step: "g", Attempt: i + 1, Delay: event.Duration(300 * time.Millisecond), Failure: locked}))
	}
	return append(records, then...)
}

func TestRetriesAreOneLine(t *testing.T) {
	expect(t, retried(40,
		one(20, started("g/1", "drop", 1)), one(20.1, finished("g/1", "drop", 1, event.Done)), one(20.1, finished("g", "keys", 0, event.Done)),
	), `
>> keys
retry attempt 1
retry attempts 2
retry attempts 12
retry attempts 22
ok drop 3ms
ok keys 3ms`)
}

func TestTheLastAttemptIsShownInFull(t *testing.T) {
	failed := finished("g/1", "drop", 1, event.Failed)
	failed.Failure = &event.Failure{Message: "gone for good"}
	outer := finished("g", "keys", 0, event.Failed)
	outer.Failure = failed.Failure
	expect(t, retried(2, one(2, started("g/1", "drop", 1)), one(2, failed), one(2, outer)), `
>> keys
retry attempt 1
FAIL drop 3ms
gone for good
FAIL keys 3ms`)
}

func TestARescueShowsTheFailureFirst(t *testing.T) {
	failed := finished("g/1", "drop", 1, event.Failed)
	failed.Failure = &event.Failure{Message: "no such table"}
	expect(t, []event.Record{
		one(0, started("g", "keys", 0)), one(0, started("g/1", "drop", 1)), one(0, failed),
		one(0, started("g/rescue/1", "look", 1)), one(0, finished("g/rescue/1", "look", 1, event.Done)),
	}, `
>> keys
FAIL drop 3ms
no such table
ok look 3ms`)
}

func TestAnAttemptThatTakesLongIsShown(t *testing.T) {
	expect(t, retried(1,
		one(1, started("g/1", "drop", 1)), one(4, event.Notice{Step: "g/1", Severity: "WARNING", Message: "slow"}),
		one(9, event.Progress{Step: "g/1", Phase: "waiting"}),
	), `
>> keys
retry attempt 1
>> drop
warn WARNING slow
.. waiting`)
}

func TestTurnsAreCounted(t *testing.T) {
	records := []event.Record{one(0, started("g", "backfill", 0))}
	for i := range 100 {
		at := float64(i) / 10
		records = append(records, one(at, started("g/1", "batch", 1)), one(at, finished("g/1", "batch", 1, event.Done)),
			one(at, event.StepRepeating{Step: "g", Iteration: i + 1, Until: "left == 0", Operands: []event.Operand{{Text: "left", Value: "9"}}}))
	}
	records = append(records, one(10, started("g/1", "batch", 1)), one(10, finished("g/1", "batch", 1, event.Done)), one(10, finished("g", "backfill", 0, event.Done)))
	expect(t, records, `
>> backfill
ok batch 3ms
again turn 1:
again turn 51:
ok batch 3ms
ok backfill 3ms`)
	if out := shown(t, records, PlainOptions{}); !strings.Contains(out, "101 turns") || !strings.Contains(out, "turn 1: left is 9; until left == 0") {
		t.Error(out)
	}
}

func TestNotReachedIsExplainedOnce(t *testing.T) {
	skipped := func(title, reason string, s event.Status) event.Record {
		return one(0, event.StepSkipped{Step: title, Title: title, Status: s, Reason: reason})
	}
	out := shown(t, []event.Record{
		skipped("a", "x failed", event.NotReached), skipped("b", "x failed", event.NotReached),
		skipped("c", "when: y", event.Skipped), skipped("d", "when: y", event.Skipped),
	}, PlainOptions{})
	if strings.Count(out, "x failed") != 1 || strings.Count(out, "when: y") != 2 {
		t.Error(out)
	}
}

func TestSightingsOfOneKindAreCounted(t *testing.T) {
	see := func(s float64, pid int64, query string) event.Record {
		return one(s, event.Sighting{Step: "w", Probe: "blockers", Conflicts: []event.Conflict{{
			BlockedPID: pid, BlockedQuery: "SELECT distribute", BlockingPID: 9, BlockingApp: "loader", BlockingState: "idle in transaction",
			BlockingQuery: query, Relation: "orders", WaitEvent: "Lock/relation", Waiting: event.Duration(1200 * time.Millisecond),
		}}})
	}
	out := shown(t, []event.Record{
		one(0, started("w", "watch", 0)), see(1, 5, "SELECT a"), see(2, 6, "SELECT a"), see(3, 5, "SELECT   a"), see(4, 5, "SELECT b"), see(5, 5, "SELECT b"),
		one(6, finished("w", "watch", 0, event.Done)),
	}, PlainOptions{})
	for _, want := range []string{
		"lock    pid 5 waits for pid 9 since 11:59:59, 1.2s\n",
		"          blocks  loader  idle in transaction  SELECT a\n",
		"lock    3 more sightings like these\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "waits for"); n != 2 {
		t.Errorf("%d conflicts are shown, want 2", n)
	}
}

func TestAWindowHasALineAtItsEnd(t *testing.T) {
	see := func(s float64, pid int64, query string) event.Record {
		return one(s, event.Sighting{Step: "w", Probe: "blockers", Conflicts: []event.Conflict{{
			BlockedPID: pid, BlockedQuery: "SELECT distribute", BlockingPID: 9, BlockingQuery: query,
			BlockingMode: "AccessShareLock", BlockingAge: event.Duration(3 * time.Second), Node: "w1:5432",
		}}})
	}
	gone := func(s float64, took, margin time.Duration, open bool) event.Record {
		return one(s, event.WindowClosed{Step: "w", Probe: "blockers", Duration: event.Duration(took), Margin: event.Duration(margin), Open: open})
	}
	out := shown(t, []event.Record{
		one(0, started("w", "watch", 0)),
		see(1, 5, "SELECT a"), see(1.5, 6, "SELECT b"), gone(2, 1200*time.Millisecond, 10*time.Millisecond, false),
		see(3, 7, "SELECT a"), gone(3, 40*time.Millisecond, 0, false), // not shown, and so neither is its end
		see(4, 7, "SELECT c"), gone(4, 0, 90*time.Millisecond, false),
		see(5, 7, "SELECT d"), gone(5, time.Second, 0, true),
		one(6, finished("w", "watch", 0, event.Done)),
	}, PlainOptions{})
	for _, want := range []string{
		"for     on worker w1:5432\n",
		"by      AccessShareLock, in a transaction of 3.0s\n",
		"gone    blockers: after 1.2s  pid 5 no longer waits for pid 9\n",
		"gone    blockers: after at most 90ms  pid 7 no longer waits for pid 9\n",
		"seen    blockers: still there after 1.0s\n",
		"lock    1 more sighting like these, the longest window 40ms\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "gone"); n != 2 {
		t.Errorf("%d windows end, want 2", n)
	}
}

// A pause and what a probe sees are shown, although the turn of a loop that they
// come in is kept back and dropped.
func TestGuardsAreShownWhateverIsKeptBack(t *testing.T) {
	turn := func(at float64, n int) event.Record {
		return one(at, event.StepRepeating{Step: "w/g", Iteration: n, Until: "left == 0", Operands: []event.Operand{{Text: "left", Value: "9"}}})
	}
	records := []event.Record{
		one(0, started("w", "watch", 0)),
		one(0, event.Sighting{Step: "w", Probe: "first", Text: "value > 0"}),
		one(0, started("w/g", "batches", 1)),
	}
	for n := range 4 {
		at := float64(n) / 10
		records = append(records, one(at, started("w/g/1", "batch", 2)), one(at, finished("w/g/1", "batch", 2, event.Done)), turn(at, n+1))
	}
	records = append(records,
		one(0.4, event.GuardHeld{Step: "w", Guard: "pause_if", Condition: "probes.first.seeing"}),
		one(0.4, event.Sighting{Step: "w", Probe: "second", Text: "value > 1"}),
		one(0.5, event.GuardEnded{Step: "w", Guard: "pause_if", Duration: event.Duration(time.Second)}),
		one(0.5, started("w/g/1", "batch", 2)), one(0.5, finished("w/g/1", "batch", 2, event.Done)), turn(0.5, 5),
		one(0.6, event.GuardHeld{Step: "w", Guard: "abort_if", Condition: "load.shops.errors > 3"}),
		one(0.6, event.GuardEnded{Step: "w", Guard: "abort_if", Duration: event.Duration(38 * time.Millisecond)}),
		one(0.7, event.GuardHeld{Step: "w", Guard: "abort_if", Early: true, Undecided: "index out of range"}),
	)
	out := shown(t, records, PlainOptions{})
	for _, want := range []string{
		"pause   pause_if holds: probes.first.seeing, no further step begins\n",
		"seen    second: value > 1\n",
		"pause   over after 1.0s\n",
		"stop    abort_if holds: load.shops.errors > 3, cancelling the steps\n",
		"stop    cancelled 38ms after the condition was seen\n",
		"stop    abort_if cannot be decided: index out of range, the steps do not begin\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestClean(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain – ünïcode ✓", "plain – ünïcode ✓"},
		{"\x1b[31mred", `\x1b[31mred`},
		{"two\r\nlines\tand a tab", "two lines and a tab"},
		{"\u009b2J", `\u009b2J`},
		{"\u202egnp.exe", `\u202egnp.exe`},
		{"\xff\xfe", `\xff\xfe`},
		{"nul\x00del\x7f", `nul\x00del\x7f`},
	} {
		if got := clean(test.in); got != test.want {
			t.Errorf("clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestWrapAndCut(t *testing.T) {
	if got := strings.Join(wrap("one two  three four incomprehensibilities x", 9), "|"); got != "one two|three|four|incomprehensibilities|x" {
		t.Error(got)
	}
	for _, test := range []struct {
		width int
		want  string
	}{{9, "SELECT ÄÖ"}, {8, "SELECT …"}, {1, "…"}, {0, ""}} {
		if got := cut("SELECT ÄÖ", test.width); got != test.want {
			t.Errorf("cut to %d: %q, want %q", test.width, got, test.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		want string
	}{
		{-1, "0s"},
		{0, "0s"},
		{1, "1µs"},
		{180 * time.Microsecond, "180µs"},
		{12 * time.Millisecond, "12ms"},
		{999499 * time.Microsecond, "999ms"},
		{999500 * time.Microsecond, "1.0s"},
		{6100 * time.Millisecond, "6.1s"},
		{59949 * time.Millisecond, "59.9s"},
		{59950 * time.Millisecond, "1m00s"},
		{252 * time.Second, "4m12s"},
		{time.Hour - time.Second/2, "1h00m"},
		{62 * time.Minute, "1h02m"},
		{24*time.Hour - time.Second, "1d00h"},
		{76 * time.Hour, "3d04h"},
	} {
		if got := human(test.d); got != test.want {
			t.Errorf("human(%d) = %s, want %s", test.d, got, test.want)
		}
	}
	for ratio, want := range map[float64]string{1: "+0.0%", 1.03: "+3.0%", 1.63: "+63%", 0.67: "-33%", 0.004: "-100%", 1.99: "+99%", 2: "x2.0", 41.6: "x41.6", 123.4: "x123"} {
		if got := change(ratio); got != want {
			t.Errorf("change(%v) = %s, want %s", ratio, got, want)
		}
	}
	for p, want := range map[float64]string{0.0001: "p<.001", 0.004: "p=.004", 0.41: "p=.41", 0.999: "p=1", 1: "p=1"} {
		if got := probability(p); got != want {
			t.Errorf("probability(%v) = %s, want %s", p, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 4002959: "4,002,959", -1234: "-1,234"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestTheLedgerIsLoud(t *testing.T) {
	long := event.Obligation{ID: "foreign key a on public.b", Restore: "ALTER TABLE public.b ADD CONSTRAINT a FOREIGN KEY (" + strings.Repeat("column, ", 30) + ") REFERENCES public.c;"}
	out := shown(t, []event.Record{
		one(0, event.RunStarted{Run: "r", Runbook: "x"}), one(0, event.ObligationOpened{Obligation: long}), one(0, event.ObligationOpened{Obligation: long}),
		one(1, event.RunFinished{Status: event.Failed, Open: []event.Obligation{long}}),
	}, PlainOptions{Width: 80})
	if !strings.Contains(out, "  "+long.Restore+"\n") || !strings.Contains(out, "ledger   1 opened, 0 restored\n") || strings.Count(out, "owes") != 1 {
		t.Error(out)
	}
}

func TestWideTablesAreSplit(t *testing.T) {
	m := event.Measured{Step: "m"}
	q := event.MeasuredQuery{Title: "a query with a long name"}
	for _, stage := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
		m.Stages = append(m.Stages, stage)
		c := event.MeasuredCell{N: 20, Median: event.Duration(time.Millisecond), Low: event.Duration(time.Millisecond), High: event.Duration(time.Millisecond)}
		if stage != "monday" {
			c.Ratio, c.Verdict, c.PValue = 1, "same", 0.5
		}
		q.Cells = append(q.Cells, c)
	}
	m.Rows = []event.MeasuredQuery{q}
	out := shown(t, []event.Record{one(0, started("m", "measure", 0)), one(1, m)}, PlainOptions{Width: 80})
	for _, stage := range m.Stages {
		if strings.Count(out, stage+" ")+strings.Count(out, stage+"\n") == 0 {
			t.Errorf("no %s in\n%s", stage, out)
		}
	}
	for l := range strings.Lines(out) {
		if length(strings.TrimSuffix(l, "\n")) > 80 {
			t.Errorf("too wide: %s", l)
		}
	}
}
