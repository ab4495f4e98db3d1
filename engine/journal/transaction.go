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

// backend is one session of a connection: after a lost one the connection has
// another, whose transactions are not those of the first.
type backend struct {
	connection string
	pid        uint32
}

// Settle says what became of the transaction whose COMMIT was announced.
func (s *State) Settle(c event.Committing, committed bool) {
	s.settle(backend{c.Connection, c.PID}, committed)
}

func (s *State) settle(b backend, committed bool) {
	delete(s.open, b)
	for _, step := range s.steps {
		step.settle(b, committed)
	}
}

// Abandon ends the transactions of a process that is gone, but those whose COMMIT
// was announced.
func (s *State) Abandon() {
	for b, t := range s.open {
		if t.committing == nil {
			s.settle(b, false)
		}
	}
}

// replace ends the transaction that an earlier session of the connection had
// open: it went with the session, unless its COMMIT was announced.
func (s *State) replace(by backend) {
	for b, t := range s.open {
		if b.connection == by.connection && b != by && t.committing == nil {
			s.settle(b, false)
		}
	}
}

// transact follows the transactions of a connection by what the server answers.
func (s *State) transact(e event.StatementFinished) {
	sql := strings.ToUpper(strings.TrimSpace(e.SQL))
	b := backend{e.Connection, e.PID}
	ends := strings.HasPrefix(sql, "COMMIT") || strings.HasPrefix(sql, "END")
	switch {
	case e.Error != "" && e.SQLState != "" && ends, e.Error == "" && e.Tag == "ROLLBACK" && !strings.Contains(sql, " TO "):
		s.settle(b, false)
	case e.Error != "":
	case e.Tag == "COMMIT":
		s.settle(b, true)
	case e.Tag == "BEGIN", e.Tag == "START TRANSACTION":
		if s.open == nil {
			s.open = map[backend]*transaction{}
		}
		s.replace(b)
		s.open[b] = &transaction{}
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
		b := backend{p.Connection, p.PID}
		if t := s.open[b]; t != nil && t.committing == nil {
			s.settle(b, false)
		}
	}
}
