package report

import (
	"strings"
	"testing"
	"time"

	"runbook/engine/event"
)

// What the lines of a few events are is said in the tests beside each file; the
// lines of whole runs are in testdata. Here is what those tests share.

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

// seconds is how long s seconds are.
func seconds(s float64) event.Duration { return event.Duration(s * float64(time.Second)) }

// expect wants the words of exactly these lines.
func expect(t *testing.T, records []event.Record, want string) {
	t.Helper()
	want = strings.TrimSpace(want)
	if got := words(shown(t, records, PlainOptions{})); got != want {
		t.Errorf("got\n%s\n\nwant\n%s", got, want)
	}
}

// expectAmong wants each of these to stand somewhere in what is shown.
func expectAmong(t *testing.T, out string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
