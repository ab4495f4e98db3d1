package journal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"runbook/engine/event"
)

// describe is what the state says, in a form that a test can state.
func describe(s State) string {
	var parts []string
	for _, step := range s.Steps() {
		word := string(step.Status())
		if word == "" {
			word = "open"
		}
		if step.InDoubt() {
			word += "?"
		}
		parts = append(parts, step.Path+": "+word)
	}
	for _, o := range s.Ledger {
		parts = append(parts, "owes "+o.Name)
	}
	return strings.Join(parts, ", ")
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []event.Event
		want   string
	}{
		{"nothing", nil, ""},
		{"a read is merely not done", []event.Event{started("a", false)}, "a: open"},
		{"a change is in doubt", []event.Event{started("a", true)}, "a: open?"},
		{"done", []event.Event{started("a", true), finished("a", event.Done)}, "a: done"},
		{"failed with an answer", []event.Event{started("a", true), sent("a", "main", "X"), answered("a", "main", "X"), finished("a", event.Failed)}, "a: failed"},
		{"failed without an answer", []event.Event{started("a", true), sent("a", "main", "X"), finished("a", event.Failed)}, "a: failed?"},
		{"an error of the connection is no answer", []event.Event{
			started("a", true), sent("a", "main", "X"),
			event.StatementFinished{Step: "a", Connection: "main", PID: 7, SQL: "X", Error: "unexpected EOF"},
			finished("a", event.Failed),
		}, "a: failed?"},
		{"an error of the server is one", []event.Event{
			started("a", true), sent("a", "main", "X"),
			event.StatementFinished{Step: "a", Connection: "main", PID: 7, SQL: "X", Error: "no", SQLState: "42601"},
			finished("a", event.Failed),
		}, "a: failed"},
		{"unknown", []event.Event{started("a", true), finished("a", event.Unknown)}, "a: unknown?"},
		{"a failure that is unknown", []event.Event{started("a", true), event.StepFinished{Step: "a", Status: event.Interrupted, Failure: &event.Failure{Unknown: true}}}, "a: interrupted?"},
		{"between attempts", []event.Event{started("a", true), event.StepRetrying{Step: "a", Attempt: 1, Failure: &event.Failure{}}}, "a: open"},
		{"never between attempts when unknown", []event.Event{started("a", true), event.StepRetrying{Step: "a", Attempt: 1, Failure: &event.Failure{Unknown: true}}}, "a: open?"},
		{"second attempt", []event.Event{started("a", true), event.StepRetrying{Step: "a", Attempt: 1}, started("a", true)}, "a: open?"},
		{"a retried group starts over", []event.Event{started("g", false), started("g/1", true), finished("g/1", event.Done), started("g2/1", true), event.StepRetrying{Step: "g"}}, "g: open, g2/1: open?"},
		{"a repeated group keeps its last turn", []event.Event{
			started("g", false), started("g#1/1", true), finished("g#1/1", event.Done), event.StepRepeating{Step: "g", Iteration: 1}, started("g#2/1", true),
		}, "g: open, g#2/1: open?"},
		{"a group is never in doubt", []event.Event{event.StepStarted{Step: "g", Action: "group", Changes: true}}, "g: open"},
		{"skipped", []event.Event{event.StepSkipped{Step: "a", Status: event.Skipped}}, "a: skipped"},
		{"not reached, then started", []event.Event{event.StepSkipped{Step: "a", Status: event.NotReached}, started("a", true)}, "a: open?"},
		{"done, then passed over", []event.Event{started("a", true), finished("a", event.Done), event.StepSkipped{Step: "a", Status: event.Skipped}}, "a: done"},
		{"in doubt, then not reached", []event.Event{started("a", true), event.StepSkipped{Step: "a", Status: event.NotReached}}, "a: open?"},
		{"in doubt inside a group that is retried", []event.Event{started("g", false), started("g/1", true), finished("g/1", event.Unknown), event.StepRetrying{Step: "g"}}, "g: open, g/1: unknown?"},
		{"owed", []event.Event{event.ObligationOpened{Obligation: orders}, event.ObligationOpened{Obligation: orders}}, "owes orders_store_id_fkey"},
		{"paid", []event.Event{event.ObligationOpened{Obligation: orders}, event.ObligationClosed{ID: orders.ID}}, ""},
		{"a setup is passed over", []event.Event{event.SetupStarted{}, started("a", true), event.ObligationOpened{Obligation: orders}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Fold(number(test.events...))
			if got := describe(s); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFoldOfTheWholeStory(t *testing.T) {
	records := story()
	s := Fold(records)
	const want = "read: done, turn-on: skipped, change: done, keys: done, keys/1: done, watch: done, watch/1: done, fill: done, fill#2/1: done, restore: done"
	if got := describe(s); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s.Run == nil || s.Resumed != 1 || !s.Began.Equal(start) || s.End == nil || s.End.Status != event.Done || s.Seq != len(records) {
		t.Errorf("run %v, resumed %d, began %v, end %v, seq %d", s.Run, s.Resumed, s.Began, s.End, s.Seq)
	}
	read := s.Step("read")
	if string(read.Result()) != `{"rows":1}` || string(read.Registered()["x"]) != "1" || read.Digest() != "of read" || read.Attempt() != 1 {
		t.Errorf("read is %+v", read)
	}
	if change := s.Step("change"); change.Sent != 2 || len(change.Unanswered) != 0 {
		t.Errorf("change sent %d, %d unanswered", change.Sent, len(change.Unanswered))
	}
	if s.Step("nothing") != nil {
		t.Error("a step that is not there is there")
	}
}

// Killed after any record: nothing panics, each step that can change something
// and has not ended is in doubt, and nothing else is.
func TestFoldOfEveryPrefix(t *testing.T) {
	records := story()
	var s State
	for i, r := range records {
		s.Add(r)
		if folded := Fold(records[:i+1]); describe(folded) != describe(s) {
			t.Fatalf("prefix %d: folded anew it says %s, record by record %s", i+1, describe(folded), describe(s))
		}
		var got []string
		for _, step := range s.InDoubt() {
			got = append(got, step.Path)
		}
		slices.Sort(got)
		if want := doubtful(records[:i+1]); !slices.Equal(got, want) {
			t.Errorf("after record %d (%s): in doubt %q, want %q", r.Seq, event.Name(r.Event), got, want)
		}
	}
}

// doubtful works out what is in doubt the slow way: for each step it looks back
// for the last record that says so or otherwise.
func doubtful(records []event.Record) []string {
	paths := map[string]bool{}
	setup := false
	var rest []event.Event
	for _, r := range records {
		switch e := r.Event.(type) {
		case event.SetupStarted:
			setup = true
		case event.SetupFinished:
			setup = false
		case event.StepStarted:
			if !setup && e.Changes && e.Action != "group" {
				paths[e.Step] = true
			}
		}
		if !setup {
			rest = append(rest, r.Event)
		}
	}
	var doubt []string
	for path := range paths {
		for _, e := range slices.Backward(rest) {
			if said, in := says(e, path); said {
				if in {
					doubt = append(doubt, path)
				}
				break
			}
		}
	}
	slices.Sort(doubt)
	return doubt
}

func says(e event.Event, path string) (said, doubt bool) {
	switch e := e.(type) {
	case event.StepStarted:
		return e.Step == path, true
	case event.StepFinished:
		return e.Step == path, e.Status == event.Unknown
	case event.StepRetrying:
		return e.Step == path, false
	case event.StepRepeating:
		return e.Step == path, false
	default:
		return false, false
	}
}

func TestFoldKnowsEveryEvent(t *testing.T) {
	for _, name := range event.Names() {
		var r event.Record
		if err := r.UnmarshalJSON(fmt.Appendf(nil, `{"seq":1,"event":%q}`, name)); err != nil {
			t.Fatal(err)
		}
		var s State
		if !s.fold(r.Time, r.Event) {
			t.Errorf("the fold passes over %s", name)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		path, outer string
		want        bool
	}{
		{"a/b", "a", true},
		{"a#2/b", "a", true},
		{"a[1]", "a", true},
		{"a", "a", false},
		{"ab", "a", false},
		{"a", "a/b", false},
	} {
		if got := Within(test.path, test.outer); got != test.want {
			t.Errorf("Within(%q, %q) = %v", test.path, test.outer, got)
		}
	}
}

// TestAnotherSession has a connection that is lost inside a transaction. What
// commits on the session after it does not commit what went with the first.
func TestAnotherSession(t *testing.T) {
	var s State
	seq := 0
	add := func(e event.Event) { seq++; s.Add(event.Record{Seq: seq, Event: e}) }
	answered := func(step, sql, tag string, pid uint32) {
		add(event.StatementFinished{Step: step, Connection: "main", PID: pid, SQL: sql, Tag: tag})
	}
	add(event.RunStarted{})
	answered("1", "BEGIN", "BEGIN", 7)
	add(event.StepStarted{Step: "2", Action: "sql", Changes: true})
	add(event.StatementStarted{Step: "2", Connection: "main", PID: 7, SQL: "INSERT"})
	answered("2", "INSERT", "INSERT 0 1", 7)
	add(event.StepFinished{Step: "2", Status: event.Done})
	add(event.StepStarted{Step: "3", Action: "sql", Changes: true})
	add(event.StepFinished{Step: "3", Status: event.Unknown, Failure: &event.Failure{Unknown: true}})
	answered("always", "BEGIN", "BEGIN", 8)
	answered("always", "COMMIT", "COMMIT", 8)
	if step := s.Step("2"); step.IsDone() || len(step.Done) > 0 {
		t.Errorf("step 2 went with its session, and the state says done: %+v", step)
	}
}

// TestTrim keeps only what is under way or left open.
func TestTrim(t *testing.T) {
	refused := answered("c", "other", "X")
	refused.Error, refused.SQLState = "no", "57014"
	var s State
	for _, e := range []event.Event{
		started("a", true), sent("a", "main", "X"), answered("a", "main", "X"), finished("a", event.Done),
		answered("b", "main", "BEGIN"), started("b", true), sent("b", "main", "Y"), answered("b", "main", "Y"), finished("b", event.Done),
		started("c", true), sent("c", "other", "X"), refused, finished("c", event.Interrupted),
	} {
		if begin, ok := e.(event.StatementFinished); ok && begin.SQL == "BEGIN" {
			begin.Tag = "BEGIN"
			e = begin
		}
		s.Add(event.Record{Event: e})
		s.Trim()
	}
	if got, want := describe(s), "b: done, c: interrupted"; got != want {
		t.Errorf("what is left is %q, want %q", got, want)
	}
	if b, c := s.Step("b"), s.Step("c"); b == nil || !b.Committing() || c == nil || !slices.Equal(c.Undone, []string{"X"}) {
		t.Errorf("b is %+v, c is %+v", b, c)
	}
	s.Abandon()
	if b := s.Step("b"); !slices.Equal(b.Undone, []string{"Y"}) {
		t.Errorf("abandoned, b is %+v", b)
	}
}
