package journal

import (
	"slices"
	"strings"

	"runbook/engine/event"
)

// What a transaction did is done when its COMMIT was answered. Until then a step
// may be finished and still be undone by the end of its session; the state keeps
// the two apart.

// Commits are the transactions whose COMMIT was sent and not answered. The
// database knows what became of them, by their XID.
func (s *State) Commits() []event.Committing {
	var out []event.Committing
	for _, t := range s.open {
		if t.committing != nil {
			out = append(out, *t.committing)
		}
	}
	slices.SortFunc(out, func(a, b event.Committing) int { return strings.Compare(a.Connection, b.Connection) })
	return out
}

// Settle says what became of the transaction of a connection.
func (s *State) Settle(connection string, committed bool) {
	delete(s.open, connection)
	for _, step := range s.steps {
		step.settle(connection, committed)
	}
}

// Abandon ends the transactions of a process that is gone, but those whose COMMIT
// was announced.
func (s *State) Abandon() {
	for connection, t := range s.open {
		if t.committing == nil {
			s.Settle(connection, false)
		}
	}
}

// transact follows the transactions of a connection by what the server answers.
func (s *State) transact(e event.StatementFinished) {
	sql := strings.ToUpper(strings.TrimSpace(e.SQL))
	ends := strings.HasPrefix(sql, "COMMIT") || strings.HasPrefix(sql, "END")
	switch {
	case e.Error != "" && e.SQLState != "" && ends, e.Error == "" && e.Tag == "ROLLBACK" && !strings.Contains(sql, " TO "):
		s.Settle(e.Connection, false)
	case e.Error != "":
	case e.Tag == "COMMIT":
		s.Settle(e.Connection, true)
	case e.Tag == "BEGIN", e.Tag == "START TRANSACTION":
		if s.open == nil {
			s.open = map[string]*transaction{}
		}
		s.open[e.Connection] = &transaction{}
	}
}

// undo ends the open transactions that a failed step took part in: they are
// always rolled back.
func (s *State) undo(path event.Step, f *event.Failure) {
	step := s.Step(path)
	if step == nil || f != nil && f.Unknown {
		return
	}
	for _, p := range slices.Clone(step.pending) {
		if t := s.open[p.connection]; t != nil && t.committing == nil {
			s.Settle(p.connection, false)
		}
	}
}
