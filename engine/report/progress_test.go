package report

import (
	"strings"
	"testing"

	"runbook/engine/event"
)

func TestProgressComesSeldom(t *testing.T) {
	records := []event.Record{one(0, started("a", "copy", 0))}
	for i := range 4000 {
		records = append(records, one(float64(i), event.Progress{Step: "a", Phase: "copying", Elapsed: seconds(float64(i))}))
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
		e := event.Progress{Step: "a", Phase: phase, Elapsed: seconds(s)}
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
