package engine

import (
	"errors"
	"fmt"
	"strings"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// What a run's error can be tested for. The exit codes of the program follow
// them.
var (
	ErrFailed      = errors.New("a step failed")
	ErrNotReady    = errors.New("the target is not ready")
	ErrInDoubt     = errors.New("it is not known whether a step happened")
	ErrInterrupted = errors.New("interrupted")
)

// StartError is why a run did not begin: nothing is on record.
type StartError struct{ Err error }

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// TimeoutError is why a step's context ended: its own `timeout`.
// Step is the title of the step that has it, which may be one around.
type TimeoutError struct{ After, Step string }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the timeout of %s of %q ran out", e.After, e.Step)
}

// Failed is an error of an action that names facts for the report beside its
// message: operands of a condition, the state that was left, what to do next.
type Failed struct {
	Message  string
	Hint     string
	Operands []event.Operand
	Notes    []string
	Err      error // the cause, may be nil
}

func (f *Failed) Error() string {
	switch {
	case f.Err == nil, f.Err == ErrNotReady, f.Err == ErrInDoubt: // these decide the exit code, and say nothing new
		return f.Message
	case f.Message == "":
		return f.Err.Error()
	default:
		return f.Message + ": " + f.Err.Error()
	}
}

func (f *Failed) Unwrap() error { return f.Err }

// StatementError is an error of a statement with its place in the file.
type StatementError struct {
	Statement  Statement
	Connection string
	Err        error
}

func (e *StatementError) Error() string { return e.Err.Error() }
func (e *StatementError) Unwrap() error { return e.Err }

// failureOf turns an error into the facts of an event.
func failureOf(s *step, err error) *event.Failure {
	f := &event.Failure{Message: err.Error()}
	if s != nil {
		pos := s.node.Pos()
		place := placeOf(pos)
		f.Place = &place
	}
	var failed *Failed
	if errors.As(err, &failed) {
		f.Hint, f.Operands, f.Notes = failed.Hint, failed.Operands, failed.Notes
		f.Message = failed.Error()
	}
	var fault *Fault
	if errors.As(err, &fault) {
		f.Place, f.Excerpt = &fault.Place, fault.Excerpt
		if f.Operands == nil {
			f.Operands = fault.Operands
		}
	}
	var pg *postgres.Error
	if errors.As(err, &pg) {
		f.SQLState, f.Condition = pg.SQLSTATE, postgres.ConditionName(pg.SQLSTATE)
		f.Detail, f.Context = pg.Detail, pg.Where
		if f.Hint == "" {
			f.Hint = pg.Hint
		}
		if failed == nil {
			f.Message = pg.Message
		}
	}
	var st *StatementError
	if errors.As(err, &st) {
		f.Statement, f.Connection = st.Statement.Text, st.Connection
		locate(f, st.Statement, pg)
	}
	var lost *postgres.LostError
	if errors.As(err, &lost) {
		f.Unknown = true
		f.Message = "the connection was lost while the statement ran, so it is not known whether it happened: " + rootMessage(lost)
	}
	var timeout *TimeoutError
	if errors.As(err, &timeout) && failed == nil {
		f.Message = timeout.Error()
	}
	if f.Excerpt == "" && f.Statement == "" && s != nil && fault == nil {
		f.Excerpt = s.node.Node.Source().Excerpt(s.node.Pos(), 1, "")
	}
	return f
}

func rootMessage(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// locate puts the caret where the server says the error is, or at the
// statement's beginning.
func locate(f *event.Failure, st Statement, pg *postgres.Error) {
	offset, width := 0, 1
	if pg != nil && pg.Position > 0 {
		offset = max(0, postgres.OffsetAt(st.Text, pg.Position))
		width = wordAt(st.Text, offset)
	}
	pos, exact, ok := st.place(offset)
	if !ok {
		return
	}
	if !exact {
		width = 1
	}
	place := placeOf(pos)
	f.Place = &place
	f.Excerpt = st.source().Excerpt(pos, width, "")
}

// wordAt is how long the word at offset is, in characters.
func wordAt(text string, offset int) int {
	rest := text[min(offset, len(text)):]
	end := strings.IndexFunc(rest, func(r rune) bool {
		return !(r == '_' || r == '$' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127)
	})
	if end < 0 {
		end = len(rest)
	}
	return max(1, len([]rune(rest[:end])))
}

func lost(err error) bool {
	var l *postgres.LostError
	return errors.As(err, &l)
}

// sqlState is the SQLSTATE behind err, or "".
func sqlState(err error) string {
	var pg *postgres.Error
	if errors.As(err, &pg) {
		return pg.SQLSTATE
	}
	return ""
}
