//go:build linux || darwin

package main

import (
	"errors"
	"os/exec"
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
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	e := &exercise{
		box: box, text: crashBook,
		prepare: func(string) error { return nil },
		state: []string{
			"SELECT n, note, count(*) FROM t GROUP BY 1, 2 ORDER BY 1, 2",
			"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
		},
	}
	whole := e.newLife(t)
	whole.goOn(t)
	want := whole.end(t)
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
			l := e.newLife(t)
			proxy := &faulty.Proxy{Fault: f, Text: p.text, Skip: p.skip, Stall: 50 * time.Millisecond}
			through, err := proxy.Start(l.dsn)
			if err != nil {
				t.Fatal(err)
			}
			out, err := inDir(l.dir, through, child+"=", l.runArgs()...)
			proxy.Close()
			if !proxy.Struck() {
				t.Errorf("%s at %q: the run never sent it\n%s", f, p.text, out)
			}
			struck++
			var exit *exec.ExitError
			switch {
			case err == nil:
				unnoticed++ // the run went on by itself, or was only slow
			case !errors.As(err, &exit) || exit.ExitCode() != exitInDoubt && exit.ExitCode() != exitFailed:
				t.Errorf("%s at %q: %v\n%s", f, p.text, err, out)
			case !strings.Contains(string(out), "runbook resume "):
				t.Errorf("%s at %q: nothing says how to go on\n%s", f, p.text, out)
			}
			if err != nil {
				l.goOn(t)
			}
			if got := l.end(t); got != want {
				t.Errorf("%s at %q (%d) and resumed, it ends as\n%s\nwant\n%s\nthe run said\n%s", f, p.text, p.skip, got, want, out)
			} else {
				survived++
			}
			l.over()
		}
	}
	if e.asked > 0 {
		t.Errorf("a person was asked %d times about what the database knows", e.asked)
	}
	t.Logf("figures: network faults: %d, right in the end: %d, run went on by itself: %d", struck, survived, unnoticed)
}
