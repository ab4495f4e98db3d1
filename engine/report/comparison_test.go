package report

import (
	"strings"
	"testing"
	"time"

	"runbook/engine/event"
)

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
