//go:build linux || darwin

package main

import (
	"fmt"
	"testing"

	"runbook/internal/faulty"
)

// monitorBook watches a step with a load and a probe, whose sessions are cut.
const monitorBook = `
runbook: v1
steps:
  - name: Watched
    parallel-monitor:
      load:
        shops: {sql: INSERT INTO sold VALUES (1), connections: 1, pause: 20ms}
      probes:
        sales: {sql: SELECT count(*) FROM sold, every: 20ms}
      steps:
        - sql: INSERT INTO done SELECT 1 FROM pg_sleep(1)
    register: watched
  - assert:
      - watched.load.shops.executions > 5
      - watched.probes.sales.samples > 5
  - assert: watched.load.shops.reconnects + watched.probes.sales.errors >= 1
    message: a cut must show
`

// TestMonitorNetworkFaults breaks the connections of a load and of a probe: they
// connect again, and the watched steps do not notice.
func TestMonitorNetworkFaults(t *testing.T) {
	e := &exercise{
		box: sharedServer(t), text: monitorBook, state: []string{"SELECT count(*) FROM done"},
		prepare: executing("CREATE TABLE sold (n int)", "CREATE TABLE done (n int)"),
	}
	struck, wentOn := 0, 0
	for _, text := range []string{"INSERT INTO sold", "FROM sold"} {
		for _, f := range []faulty.Fault{faulty.CutBefore, faulty.CutAfter, faulty.ResetBefore, faulty.ResetAfter} {
			t.Run(fmt.Sprintf("%s at %s", f, text), func(t *testing.T) {
				l := e.newLife(t)
				_, err := l.runThrough(t, &faulty.Proxy{Fault: f, Text: text, Skip: 5})
				struck++
				if err == nil {
					wentOn++
				}
				l.mustEnd(t, "1\n") // the step happened once
			})
		}
	}
	t.Logf("figures: network faults under a load or a probe: %d, run went on by itself: %d", struck, wentOn)
}
