package actions

import (
	"slices"
	"testing"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// said is what Citus 13.2.2 says, of two workers, in this order.
var said = []struct {
	message string
	want    callPhase
}{
	{"performing non-blocking create_distributed_table_concurrently ", preparing},
	{"creating child shards for create_distributed_table_concurrently", creating},
	{"creating replication artifacts (publications, replication slots, subscriptions for create_distributed_table_concurrently", waiting},
	{"performing copy for create_distributed_table_concurrently", copying},
	{"replicating changes for create_distributed_table_concurrently", catchingUp},
	{"The LSN of the target subscriptions on node 10.0.0.1:5432 has increased from 0/0 to 0/5F129FC0 at 2026-11-22 02:05:12.66586+00 where the source LSN is 0/5F12A000 ", catchingUp},
	{"The LSN of the target subscriptions on node 10.0.0.1:5432 have caught up with the source LSN ", catchingUp},
	{"The LSN of the target subscriptions on node 10.0.0.2:5432 have caught up with the source LSN ", catchingUp},
	{"The LSN of the target subscriptions on node 10.0.0.1:5432 have caught up with the source LSN ", catchingUp},
	{"The LSN of the target subscriptions on node 10.0.0.2:5432 have caught up with the source LSN ", switching}, // waits for the lock here
	{"The LSN of the target subscriptions on node 10.0.0.1:5432 have caught up with the source LSN ", switching},
	{"The LSN of the target subscriptions on node 10.0.0.2:5432 have caught up with the source LSN ", switching},
	{"marking deferred cleanup of source shard(s) for create_distributed_table_concurrently", switching},
	{"creating foreign key constraints (if any) for create_distributed_table_concurrently", switching},
}

// heardBy is the phase when the messages were heard.
func heardBy(p *callProgress, messages ...string) callPhase {
	for _, m := range messages {
		phase, known := phaseOf(m)
		if known {
			p.begin(phase, time.Now())
		}
		if p.leveled(m) {
			p.begin(switching, time.Now())
		}
	}
	return p.phase()
}

func TestPhasesOfAConcurrentCall(t *testing.T) {
	p := newCallProgress(nil, "t", preparing)
	for i, s := range said {
		if got := heardBy(p, s.message); got != s.want {
			t.Fatalf("message %d: the phase is %q, want %q", i, got, s.want)
		}
	}
	p.begin(finished, time.Now())
	var names []string
	for _, phase := range p.phases() {
		names = append(names, phase.Name)
	}
	want := []string{"preparing", "creating shards", "waiting for open transactions", "copying", "catching up", "switching over"}
	if !slices.Equal(names, want) {
		t.Errorf("phases are %q", names)
	}
}

// Nodes are counted in the order in which they were heard first; the lock is next
// when each was heard twice.
func TestNodesThatCaughtUp(t *testing.T) {
	const first, second = "The LSN of the target subscriptions on node 10.0.0.1:5432 have caught up with the source LSN ", "The LSN of the target subscriptions on node 10.0.0.2:5432 have caught up with the source LSN "
	const behind = "The LSN of the target subscriptions on node 10.0.0.1:5432 has increased from 0/0 to 0/5F129FC0 at 2026-11-22 02:05:12.66586+00 where the source LSN is 0/5F12A000 "
	var l level
	for i, s := range []struct {
		message string
		want    level
		locks   bool
	}{
		{behind, nil, false},
		{second, level{{"10.0.0.2:5432", 1}}, false},
		{behind, level{{"10.0.0.2:5432", 1}}, false},
		{first, level{{"10.0.0.2:5432", 1}, {"10.0.0.1:5432", 1}}, false},
		{second, level{{"10.0.0.2:5432", 2}, {"10.0.0.1:5432", 1}}, false},
		{"performing copy for create_distributed_table_concurrently", level{{"10.0.0.2:5432", 2}, {"10.0.0.1:5432", 1}}, false},
		{first, level{{"10.0.0.2:5432", 2}, {"10.0.0.1:5432", 2}}, true},
	} {
		if locks := l.heard(s.message); locks != s.locks || !slices.Equal(l, s.want) {
			t.Errorf("after message %d it is %v, and the lock next: %t; want %v and %t", i, l, locks, s.want, s.locks)
		}
	}
}

func TestPhasesOfABlockingCall(t *testing.T) {
	p := newCallProgress(nil, "t", preparing)
	if got := heardBy(p, "Copying data from local table..."); got != copying {
		t.Errorf("the phase is %q", got)
	}
	if got := heardBy(p, "copying the data has completed"); got != switching {
		t.Errorf("the phase is %q", got)
	}
}

func TestPhasesOfTheWayBack(t *testing.T) {
	p := newCallProgress(nil, "t", preparing)
	for _, s := range []struct {
		message string
		want    callPhase
	}{
		{"creating a new table for public.sales", preparing},
		{"moving the data of public.sales", copying},
		{"dropping the old public.sales", switching},
		{"renaming the new table to public.sales", rebuilding},
		{"creating a new table for public.parts", preparing},
		{"moving the data of public.parts", copying},
	} {
		if got := heardBy(p, s.message); got != s.want {
			t.Errorf("at %q the phase is %q, want %q", s.message, got, s.want)
		}
	}
}

func TestAPhaseThatComesBackIsOnePhase(t *testing.T) {
	var s stages
	s.add(copying, time.Second)
	s.add(switching, time.Millisecond)
	s.add(copying, 2*time.Second)
	if want := (stages{{"copying", 3 * time.Second}, {"switching over", time.Millisecond}}); !slices.Equal(s, want) {
		t.Errorf("%v", s)
	}
}

func TestSummaryOfPhases(t *testing.T) {
	for _, c := range []struct {
		s    stages
		want string
	}{
		{nil, ""},
		{stages{{"copying", 999 * time.Millisecond}, {"switching over", time.Second}}, ""},
		{stages{{"copying", 3200 * time.Millisecond}, {"switching over", 100 * time.Millisecond}}, "copied in 3.2s"},
		{stages{{"waiting for open transactions", 20 * time.Millisecond}, {"copying", 3200 * time.Millisecond}, {"catching up", time.Second}, {"switching over", 100 * time.Millisecond}}, "copied in 3.2s, switched in 100ms"},
		{stages{{"waiting for open transactions", 12 * time.Second}, {"copying", 3200 * time.Millisecond}, {"catching up", time.Second}, {"switching over", 100 * time.Millisecond}}, "waited 12s for open transactions, copied in 3.2s, switched in 100ms"},
	} {
		if got := c.s.summary(); got != c.want {
			t.Errorf("%v\ngot  %q\nwant %q", c.s, got, c.want)
		}
	}
}

func TestHoldersOf(t *testing.T) {
	got, err := holdersOf([]answer{
		{"", `[{"pid":7,"gid":null,"application":"loader","database":"shop","state":"active","statement":"SELECT 1","relation":null,"mode":"ShareLock","lock":"transactionid","transaction":14.5,"waiting":12.25},
			{"pid":7,"application":"loader","lock":"relation","transaction":14.5,"waiting":-0.001},
			{"pid":0,"gid":"order-7","application":null,"transaction":0,"waiting":0}]`},
		{"10.0.0.1:5432", `[{"pid":7,"transaction":1,"waiting":1}]`},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Holder{
		{PID: 7, Application: "loader", Database: "shop", State: "active", Statement: "SELECT 1", Mode: "ShareLock", Lock: "transactionid", Transaction: event.Duration(14500 * time.Millisecond), Waiting: event.Duration(12250 * time.Millisecond)},
		{GID: "order-7"},
		{PID: 7, Node: "10.0.0.1:5432", Transaction: event.Duration(time.Second), Waiting: event.Duration(time.Second)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := holdersOf([]answer{{"10.0.0.1:5432", "ERROR: no"}}); err == nil {
		t.Error("an answer that is no JSON was read")
	}
}

// Dear samples are soon as rare as they must be; cheap ones come each second.
func TestSamplesAreDue(t *testing.T) {
	for cost, want := range map[time.Duration][]int{
		2 * time.Millisecond:   {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
		100 * time.Millisecond: {0, 1, 3, 7, 12, 17, 22},
		500 * time.Millisecond: {0, 1, 3, 7, 32, 57},
	} {
		var s samples
		var at []int
		for second := 0; len(at) < len(want); second++ {
			now := copyBegan.Add(time.Duration(second) * time.Second)
			if s.due(now) {
				s = samples{s.n + 1, s.spent + cost, now}
				at = append(at, second)
			}
		}
		if !slices.Equal(at, want) {
			t.Errorf("samples of %s are at %v, want %v", cost, at, want)
		}
	}
}

func TestPassingErrors(t *testing.T) {
	for state, want := range map[string]bool{"57014": true, "55P03": true, "42501": false, "53300": false} {
		if got := passing(&postgres.Error{SQLSTATE: state}); got != want {
			t.Errorf("%s: %t", state, got)
		}
	}
}
