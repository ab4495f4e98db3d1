package actions

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"runbook/engine/event"
)

//go:embed writers.sql
var writersSQL string

// writer is somebody who has written to a table in a transaction that is open.
type writer struct {
	event.Holder
	Running event.Duration `json:"running"` // for how long its statement has
}

// longWriters tells those whose transaction lasts long from those who are done in
// a moment.
type longWriters struct {
	limit time.Duration // from which on a transaction is long
	known map[string]int
}

// Of how many statements it is remembered how often they were seen to run for
// longer than the limit, less how often for shorter, and up to which number.
const (
	knownLimit  = 1000
	knownWeight = 100
)

// among are those of the writers whom others would wait for too long: their
// transaction is old, or they run a statement that mostly takes long. A batch is
// none of an old transaction when it has just begun.
func (l *longWriters) among(writers []writer) []event.Holder {
	var long []event.Holder
	for _, w := range writers {
		if time.Duration(w.Transaction) >= l.limit || w.State == "active" && l.known[w.Statement] > 0 {
			long = append(long, w.Holder)
		}
		l.learn(w)
	}
	return long
}

// expected says whether some statement is known to take long.
func (l *longWriters) expected() bool {
	for _, weight := range l.known {
		if weight > 0 {
			return true
		}
	}
	return false
}

// met is told who was in the way of a lock that was not had in time.
func (l *longWriters) met(h holder) {
	if h.State == "active" && h.Age >= l.limit.Seconds() {
		query := []rune(h.Query)
		l.known[string(query[:min(len(query), 500)])] = 3 // as writers.sql cuts it
	}
}

func (l *longWriters) learn(w writer) {
	weight, known := l.known[w.Statement]
	if w.State != "active" || !known && len(l.known) >= knownLimit {
		return
	}
	if time.Duration(w.Running) >= l.limit {
		weight = min(weight+1, knownWeight)
	} else {
		weight = max(weight-1, -knownWeight)
	}
	l.known[w.Statement] = weight
}

// looked is who was seen to write to the table.
type looked struct {
	all  int
	long []event.Holder // whom others would wait for too long
}

// writers looks on one set of nodes after the other, until there are long ones.
func (h *switchHold) writers(ctx context.Context, on ...func(context.Context, string) ([]answer, error)) (w looked, err error) {
	sql := strings.ReplaceAll(writersSQL, "{SHARDS}", h.shards)
	for _, ask := range on {
		answers, err := ask(ctx, sql)
		if err != nil {
			return w, err
		}
		for _, a := range answers {
			var list []writer
			if err := json.Unmarshal([]byte(a.json), &list); err != nil {
				return w, fmt.Errorf("read the writers of %s: %w", a.node, err)
			}
			w.all, w.long = w.all+len(list), h.long.among(list)
			for i := range w.long {
				w.long[i].Node = a.node
			}
			if len(w.long) > 0 {
				return w, nil
			}
		}
	}
	return w, nil
}
