package actions

import (
	_ "embed"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

//go:embed blockers.sql
var blockersSQL string

// conflictKey is what makes two sightings of a conflict the same one.
type conflictKey struct {
	blocked, blocking int64
	query             string
}

func (c Conflict) key() conflictKey {
	return conflictKey{c.BlockedPID, c.BlockingPID, c.BlockedQuery}
}

// conflictsIn are the conflicts of a blockers sample, and the kinds of waits in
// it that are none. The processes of one statement that wait together are one.
func conflictsIn(rows []engine.Row) (conflicts []Conflict, harmless map[string]bool) {
	seen := map[conflictKey]bool{}
	for _, row := range rows {
		if kind := textIn(row, "harmless"); kind != "" {
			if harmless == nil {
				harmless = map[string]bool{}
			}
			harmless[kind] = true
			continue
		}
		if c := conflictOf(row); !seen[c.key()] {
			seen[c.key()] = true
			conflicts = append(conflicts, c)
		}
	}
	return conflicts, harmless
}

func conflictOf(row engine.Row) Conflict {
	text := func(name string) string { return textIn(row, name) }
	queued, _ := row["blocking_queued"].(bool)
	return Conflict{
		BlockedPID: numberOf(row, "blocked_pid"), BlockedApp: text("blocked_app"), BlockedQuery: text("blocked_query"),
		BlockingPID: numberOf(row, "blocking_pid"), BlockingApp: text("blocking_app"), BlockingState: text("blocking_state"), BlockingQuery: text("blocking_query"),
		BlockingMode: text("blocking_mode"), Queued: queued, BlockingAge: spanOf(row, "blocking_age"),
		Relation: text("relation"), Mode: text("mode"), WaitEvent: text("wait_event"), Waiting: spanOf(row, "waiting"),
		BlockedGPID: numberOf(row, "blocked_gpid"), BlockingGPID: numberOf(row, "blocking_gpid"), Node: text("node"),
	}
}

func textIn(row engine.Row, name string) string {
	if row[name] == nil {
		return ""
	}
	return postgres.FormatValue(row[name])
}

func numberOf(row engine.Row, name string) int64 {
	n, _ := row[name].(int64)
	return n
}

// spanOf is the time between two moments, never negative; its days are of 24
// hours.
func spanOf(row engine.Row, name string) time.Duration {
	switch d := row[name].(type) {
	case time.Duration:
		return max(d, 0)
	case postgres.Interval:
		return max(time.Duration(d.Days)*24*time.Hour+time.Duration(d.Microseconds)*time.Microsecond, 0)
	}
	return 0
}

func (c Conflict) event() event.Conflict {
	return event.Conflict{
		BlockedPID: c.BlockedPID, BlockedApp: c.BlockedApp, BlockedQuery: c.BlockedQuery,
		BlockingPID: c.BlockingPID, BlockingApp: c.BlockingApp, BlockingState: c.BlockingState, BlockingQuery: c.BlockingQuery,
		BlockingMode: c.BlockingMode, Queued: c.Queued, BlockingAge: event.Duration(c.BlockingAge),
		Relation: c.Relation, Mode: c.Mode, WaitEvent: c.WaitEvent, Waiting: event.Duration(c.Waiting),
		BlockedGPID: c.BlockedGPID, BlockingGPID: c.BlockingGPID, Node: c.Node,
	}
}

// conflictList is every conflict that was seen, once, with its longest wait; the
// first maxConflicts of them.
type conflictList struct {
	list  []Conflict
	index map[conflictKey]int
}

// add counts the conflicts of a sample and returns those that are new.
func (l *conflictList) add(seen []Conflict) (fresh []Conflict) {
	if l.index == nil {
		l.index = map[conflictKey]int{}
	}
	for _, c := range seen {
		i, known := l.index[c.key()]
		switch {
		case known:
			l.list[i].seenAgain(c)
		case len(l.list) < maxConflicts:
			c.Samples = 1
			l.index[c.key()] = len(l.list)
			l.list = append(l.list, c)
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// seenAgain takes over what another sample of the conflict knows better. A
// sample taken while the lock passes from one to the other may know less.
func (c *Conflict) seenAgain(now Conflict) {
	c.Samples++
	c.Waiting = max(c.Waiting, now.Waiting)
	c.BlockingAge = max(c.BlockingAge, now.BlockingAge)
	for _, f := range []struct {
		was *string
		now string
	}{{&c.BlockingMode, now.BlockingMode}, {&c.Relation, now.Relation}, {&c.Mode, now.Mode}, {&c.Node, now.Node}, {&c.WaitEvent, now.WaitEvent}} {
		if *f.was == "" {
			*f.was = f.now
		}
	}
	if c.BlockedGPID == 0 {
		c.BlockedGPID, c.BlockingGPID = now.BlockedGPID, now.BlockingGPID
	}
}
