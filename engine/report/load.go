package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"runbook/engine/event"
)

// The table of a load: a row for each part of the time that it ran in.
//
//	shops         n  a second     p50     p95     p99     max   stall  errors
//	before       98      49.0  1.21ms  2.00ms  3.10ms  4.10ms  4.10ms       0
//	during      161      48.8  1.34ms   980ms   1.05s   1.11s   1.11s       2
//	in windows   52      12.0   520ms   1.00s   1.08s   1.11s   1.11s       2
//	after        99      49.5  1.22ms  1.90ms  2.80ms  4.10ms  4.20ms       0
//
// Too wide for the terminal, it loses the columns that say least.

// loadMeasured shows the tables under their step.
func (p *Plain) loadMeasured(e event.LoadMeasured) {
	if len(e.Loads) == 0 {
		return
	}
	depth := p.open(e.Step) + 1
	margin := strings.Repeat(" ", wordWidth+indent*depth)
	for _, l := range e.Loads {
		p.blank()
		// It has no times of day beside it: the columns need the room.
		for _, row := range fitLoad(l, max(p.opts.Width, p.width)-len(margin)) {
			p.put(text(margin).join(row))
		}
		p.loadNotes(depth, l)
	}
	p.wrapped(depth, faint, "stall: the longest time in which nothing ended well although something was to be done")
	if p.run.Engine == standIn {
		p.wrapped(depth, caution, "Measured on the stand-in: this says nothing about Citus.")
	}
	p.blank()
}

// fitLoad is a load's table in at most width characters, if its columns can be
// given up.
func fitLoad(l event.MeasuredLoad, width int) []line {
	names := column{heading: l.Load}
	for _, t := range l.Phases {
		names.cells = append(names.cells, span{plain, t.Phase})
	}
	t := table{names, []group{{"", loadColumns(l.Phases)}}}
	for _, heading := range []string{"p95", "a second", "p50"} {
		if t.width() <= width {
			break
		}
		g := &t.groups[0]
		g.columns = slices.DeleteFunc(g.columns, func(c column) bool { return c.heading == heading })
	}
	return t.lines()[1:] // its group has no name
}

func loadColumns(times []event.MeasuredTime) []column {
	columns := []column{
		{heading: "n"}, {heading: "a second"}, {heading: "p50"}, {heading: "p95"}, {heading: "p99"}, {heading: "max"}, {heading: "stall"}, {heading: "errors"},
	}
	for _, t := range times {
		failed := plain
		if t.Errors > 0 {
			failed = bad
		}
		cells := []span{
			{plain, grouped(int64(t.N))},
			{plain, strconv.FormatFloat(t.TPS, 'f', 1, 64)},
			latency(t, t.P50), latency(t, t.P95), latency(t, t.P99), latency(t, t.Max),
			{plain, exact(t.Stall)},
			{failed, grouped(int64(t.Errors))},
		}
		for i := range columns {
			columns[i].cells = append(columns[i].cells, cells[i])
			columns[i].right = true
		}
	}
	return columns
}

// latency is a cell; there is none where nothing ended well.
func latency(t event.MeasuredTime, d event.Duration) span {
	if t.N == 0 {
		return span{faint, "-"}
	}
	return span{plain, exact(d)}
}

// exact is a duration with three digits: 1.21ms, 980ms, 1.05s.
func exact(d event.Duration) string {
	if d <= 0 {
		return "0s"
	}
	value, unit := scaled(duration(d))
	return strconv.FormatFloat(value, 'f', decimals(value), 64) + unit
}

// loadNotes says what the table has no room for.
func (p *Plain) loadNotes(depth int, l event.MeasuredLoad) {
	for _, e := range l.Errors {
		p.wrapped(depth, bad, loadError(e))
	}
	if l.Unsent > 0 {
		p.wrapped(depth, caution, grouped(int64(l.Unsent))+" never sent: due before the load stopped, and no connection was free")
	}
	if l.Reconnects > 0 {
		p.wrapped(depth, caution, fmt.Sprintf("reconnected %s", often(l.Reconnects)))
	}
	for _, t := range l.Phases {
		if t.Phase == "during" && t.Stall > 0 {
			p.wrapped(depth, faint, "longest stall while the steps ran: "+exact(t.Stall)+" from "+t.StalledAt.Format(time.TimeOnly)+" on")
		}
	}
}

// loadError is such as: 3 deadlock_detected (40P01), 2 of them while the steps
// ran, first at 12:00:01: deadlock detected.
func loadError(e event.LoadError) string {
	name := e.Condition
	if len(e.SQLState) == 5 {
		name += " (" + e.SQLState + ")"
	}
	when := "while the steps ran"
	switch e.During {
	case e.N:
	case 0:
		when = "none " + when
	default:
		when = grouped(int64(e.During)) + " of them " + when
	}
	return fmt.Sprintf("%s %s, %s, first at %s: %s", grouped(int64(e.N)), name, when, e.First.Format(time.TimeOnly), squeeze(e.Message))
}

func often(n int) string {
	if n == 1 {
		return "once"
	}
	return grouped(int64(n)) + " times"
}
