package report

import (
	"time"

	"runbook/engine/event"
)

// running is a step that has started and not ended.
type running struct {
	path    event.Step
	title   string
	depth   int
	started time.Time
	attempt int
	turn    int
	opened  bool // its name is on the terminal

	phase     phase
	heard     heard
	progress  throttle
	retries   throttle
	turns     throttle
	sightings map[string]*throttle // by what was seen
	windows   map[string]string    // by probe: what was shown of the open window
	hidden    time.Duration        // the longest window that was not shown
}

// stack holds the running steps, the outermost first.
type stack []*running

func (s stack) find(path event.Step) *running {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].path == path {
			return s[i]
		}
	}
	return nil
}

// parent is the innermost step that encloses one of that depth, or nil.
func (s stack) parent(depth int) *running {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].depth < depth {
			return s[i]
		}
	}
	return nil
}

// start adds a step, or begins the next attempt of one that is there. Whatever
// was inside an earlier attempt has ended with it.
func (s *stack) start(e event.StepStarted, now time.Time) *running {
	attempt := max(e.Attempt, 1)
	if r := s.find(e.Step); r != nil {
		s.leave(r)
		r.attempt = max(r.attempt, attempt)
		return r
	}
	r := &running{path: e.Step, title: e.Title, depth: e.Depth, started: now, attempt: attempt}
	r.progress.quiet(now)
	*s = append(*s, r)
	return r
}

// leave drops what was started after r.
func (s *stack) leave(r *running) {
	for i, x := range *s {
		if x == r {
			*s = (*s)[:i+1]
			return
		}
	}
}

// end takes a step and all that was started after it off the stack, and
// returns it; nil where it is not there.
func (s *stack) end(path event.Step) *running {
	r := s.find(path)
	if r != nil {
		s.leave(r)
		*s = (*s)[:len(*s)-1]
	}
	return r
}
