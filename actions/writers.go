package actions

import (
	_ "embed"
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
	limit time.Duration       // from which on a transaction is long
	known map[string]struct{} // statements that were seen to run for longer
}

// knownLimit bounds how many statements are remembered.
const knownLimit = 1000

// among are those of the writers whom others would wait for too long: their
// transaction is old, or they run a statement that took long before. A batch is
// none of an old transaction when it has just begun.
func (l *longWriters) among(writers []writer) []event.Holder {
	var long []event.Holder
	for _, w := range writers {
		if time.Duration(w.Running) >= l.limit && len(l.known) < knownLimit {
			l.known[w.Statement] = struct{}{}
		}
		_, known := l.known[w.Statement]
		if time.Duration(w.Transaction) >= l.limit || known && w.State == "active" {
			long = append(long, w.Holder)
		}
	}
	return long
}
