//go:build linux || darwin

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"runbook/internal/faulty"
)

// TestNetworkFaults breaks the connection at each kind of statement, before the
// server has seen it and after it has answered. The run must not say that it is
// done when it is not, and the resumed one must end as an undisturbed one does:
// no effect missing, none twice.
func TestNetworkFaults(t *testing.T) {
	e := &exercise{box: sharedServer(t), text: crashBook, state: crashState[:2]} // the tables of the stand-in are left out
	_, want := e.undisturbed(t)
	places := []struct {
		text string
		skip int
	}{
		{"CREATE TABLE t", 0},
		{"BEGIN", 0},
		{"BEGIN", 4},
		{"INSERT INTO t VALUES (2", 0},
		{"ALTER TABLE t", 0},
		{"INSERT INTO t VALUES (4", 0},
		{"COMMIT", 0},
		{"COMMIT", 2},
		{"COMMIT", 3},
		{"COMMIT", 4},
		{"UPDATE t", 0},
		{"SELECT count(*) FROM t", 0},
		{"pg_current_xact_id", 2},
		{"SELECT 1 / 0", 0},
	}
	faults := []faulty.Fault{faulty.CutBefore, faulty.CutAfter, faulty.ResetBefore, faulty.ResetAfter, faulty.StallAfter}
	struck, survived, unnoticed := 0, 0, 0
	for _, p := range places {
		for _, f := range faults {
			if testing.Short() && (f == faulty.ResetBefore || f == faulty.StallAfter) {
				continue
			}
			t.Run(fmt.Sprintf("%s at %s after %d", f, p.text, p.skip), func(t *testing.T) {
				l := e.newLife(t)
				network := &faulty.Proxy{Fault: f, Text: p.text, Skip: p.skip, Stall: 50 * time.Millisecond}
				said, err := l.runThrough(t, network, exitInDoubt, exitFailed)
				struck++
				if err == nil {
					unnoticed++ // the run went on by itself, or was only slow
				} else {
					if !strings.Contains(said, "runbook resume ") {
						t.Error("nothing says how to go on")
					}
					l.goOn(t)
				}
				if l.mustEnd(t, want); t.Failed() {
					t.Logf("the run said\n%s", said)
					return
				}
				survived++
			})
		}
	}
	if e.asked > 0 {
		t.Errorf("a person was asked %d times about what the database knows", e.asked)
	}
	t.Logf("figures: network faults: %d, right in the end: %d, run went on by itself: %d", struck, survived, unnoticed)
}
