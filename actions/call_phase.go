package actions

import (
	"slices"
	"strings"
	"time"
)

// callPhase is how far the distribution of a table, or its way back, has come.
type callPhase string

const (
	preparing  callPhase = "preparing"
	converting callPhase = "converting"
	creating   callPhase = "creating shards"
	waiting    callPhase = "waiting for open transactions"
	copying    callPhase = "copying"
	catchingUp callPhase = "catching up"
	holding    callPhase = "holding the switch-over back"
	switching  callPhase = "switching over"
	rebuilding callPhase = "building indexes and keys"
	finished   callPhase = "done"
)

// anotherTable begins what Citus says when it turns to the next of the tables that
// it brings back together. The rest is the table's name.
const anotherTable = "creating a new table for "

// phaseMessages are the beginnings of what Citus says of itself, and what they
// mean: of the concurrent distribution, of the one that blocks, and of the way
// back.
var phaseMessages = []struct {
	message string
	phase   callPhase
}{
	{"performing non-blocking", preparing},
	{"creating child shards", creating},
	{"creating replication artifacts", waiting},
	{"performing copy", copying},
	{"replicating changes", catchingUp},
	{"marking deferred cleanup", switching},
	{"creating foreign key constraints", switching},
	{"Copying data from local table", copying},
	{"copying the data has completed", switching},
	{anotherTable, preparing},
	{"moving the data of ", copying},
	{"dropping the old ", switching},
	{"renaming the new table to ", rebuilding},
}

func phaseOf(message string) (callPhase, bool) {
	for _, m := range phaseMessages {
		if strings.HasPrefix(message, m.message) {
			return m.phase, true
		}
	}
	return "", false
}

// level says how often each node was heard to have caught up, in the order in which
// they were heard first. Citus lets all of them catch up twice before it takes the
// lock that stops writers, and once more after that, and asks them in the same order
// each time; it says nothing of the lock itself.
type level []nodeLevel

type nodeLevel struct {
	node  string // host:port
	times int
}

// heard says whether the lock is what comes next.
func (l *level) heard(message string) bool {
	const says = "The LSN of the target subscriptions on node "
	node, ok := strings.CutPrefix(message, says)
	node, _, caughtUp := strings.Cut(node, " have caught up with the source LSN")
	if !ok || !caughtUp {
		return false
	}
	i := slices.IndexFunc(*l, func(n nodeLevel) bool { return n.node == node })
	if i < 0 {
		i, *l = len(*l), append(*l, nodeLevel{node: node})
	}
	(*l)[i].times++
	return !slices.ContainsFunc(*l, func(n nodeLevel) bool { return n.times < 2 })
}

// DistributePhase is a part of a distribution, or of the way back.
type DistributePhase struct {
	// What it was: preparing, converting, creating shards, waiting for open
	// transactions, copying, catching up, holding the switch-over back or switching
	// over; of an undistribution
	// preparing, copying, switching over, or building indexes and keys.
	Name string `expr:"name" json:"name"`
	// How long it took.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

// stages are the phases that were entered, in order.
type stages []DistributePhase

// add counts time to a phase. One that comes back, as with each partition, is
// one phase.
func (s *stages) add(phase callPhase, took time.Duration) {
	for i := range *s {
		if (*s)[i].Name == string(phase) {
			(*s)[i].Duration += took
			return
		}
	}
	*s = append(*s, DistributePhase{string(phase), took})
}

// summary is what a reader of one line wants to know: how long the copying took,
// and how long what may have stopped writers. It is empty where all was quick.
func (s stages) summary() string {
	took := map[string]time.Duration{}
	for _, phase := range s {
		took[phase.Name] = phase.Duration
	}
	if took[string(copying)] < time.Second {
		return ""
	}
	text := "copied in " + round(took[string(copying)]).String()
	if wait := took[string(waiting)]; wait >= time.Second {
		text = "waited " + round(wait).String() + " for open transactions, " + text
	}
	if took[string(catchingUp)] > 0 { // only then did writes go on before
		text += ", switched in " + round(took[string(switching)]).String()
	}
	return text
}
