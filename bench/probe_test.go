package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/event"
)

// BenchmarkProbe samples for five seconds and reports how late samples were sent
// after they were due, the longest time between two, the interval that was held,
// and what one cost the server. Two idle cores are wanted: lateness p99 below 5 ms.
func BenchmarkProbe(b *testing.B) {
	for _, probe := range []string{"activity", "blockers"} {
		for _, every := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond} {
			b.Run(fmt.Sprintf("%s-%s", probe, every), func(b *testing.B) {
				plan, target := compile(b, watchOf(probe, every)), targetOf(b)
				var last actions.ProbeResult
				for b.Loop() {
					found := &found{}
					conns := engine.NewConnections(target, "bench")
					if err := plan.Run(b.Context(), conns, event.NewStream(nil, time.Now, found), engine.Options{}); err != nil {
						b.Fatal(err)
					}
					if err := conns.Close(context.Background()); err != nil {
						b.Fatal(err)
					}
					last = found.result.Probes["p"]
				}
				report := func(d time.Duration, unit string) { b.ReportMetric(float64(d.Microseconds())/1000, unit) }
				report(last.LatenessP99, "late-p99-ms")
				report(last.LongestGap, "longest-gap-ms")
				report(last.Interval, "interval-ms")
				report(last.Cost, "cost-ms")
				b.ReportMetric(0, "ns/op") // five seconds, whatever it does
			})
		}
	}
}

func watchOf(probe string, every time.Duration) []byte {
	source := map[string]string{
		"activity": "sql: \"SELECT wait_event_type, count(*) FROM pg_stat_activity WHERE state <> 'idle' GROUP BY 1\", sighting: \"any(rows, .wait_event_type == 'Lock')\"",
		"blockers": "builtin: blockers",
	}[probe]
	return fmt.Appendf(nil, `
runbook: v1
steps:
  - parallel-monitor:
      probes:
        p: {%s, every: %s}
      steps:
        - sql: SELECT pg_sleep(5)
`, source, every)
}

// found is the result of the monitor of a run.
type found struct{ result actions.MonitorResult }

func (f *found) Write(r event.Record) error {
	if e, ok := r.Event.(event.StepFinished); ok && e.Action == "parallel-monitor" {
		return json.Unmarshal(e.Result, &f.result)
	}
	return nil
}
