package engine

import (
	"errors"
	"slices"
	"strings"
)

// foresight makes a scope one of a plan: what only a run can know has no value
// there, and what depends on it is left open instead of guessed.
type foresight struct {
	unknown []string            // "run.id", "random()", …: known to a run, not here
	open    map[string][]string // arguments left open, with what they wait for
}

// unknownError says what a value waits for.
type unknownError struct{ names []string }

func (e *unknownError) Error() string {
	return "known when it runs: depends on " + strings.Join(e.names, ", ")
}

// waitsFor is what err says that a value waits for, nil when it says something
// else.
func waitsFor(err error) []string {
	var e *unknownError
	if errors.As(err, &e) {
		return e.names
	}
	return nil
}

// eval evaluates an expression. In a plan the error says what is not known yet.
func (s *scope) eval(p *program) (any, error) {
	if names := s.waits(p); names != nil {
		return nil, &unknownError{names}
	}
	return p.run(s.values(p.uses))
}

// waits lists what an expression reads and a plan does not know.
func (s *scope) waits(p *program) []string {
	if s == nil || s.ahead == nil {
		return nil
	}
	var out []string
	for _, name := range p.later {
		if strings.HasPrefix(name, "steps.") || slices.Contains(s.ahead.unknown, name) {
			out = append(out, name)
		}
	}
	values := s.values(p.uses)
	for _, name := range p.uses {
		_, known := values[name]
		if name == "steps" {
			known = len(out) > 0 // steps.ID is in the list already
		}
		if !known {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// postpone keeps an argument of a plan open when that is what err asks for.
func (s *scope) postpone(path string, err error) bool {
	names := waitsFor(err)
	if names == nil || s.ahead == nil {
		return false
	}
	s.ahead.open[path] = names
	return true
}
