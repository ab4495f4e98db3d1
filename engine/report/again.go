package report

import (
	"fmt"
	"strings"
	"time"

	"runbook/engine/event"
)

// stepRetrying says in one line that an attempt failed, instead of what the
// steps in it had to say.
func (p *Plain) stepRetrying(e event.StepRetrying) {
	r := p.over(e.Step)
	r.attempt = max(r.attempt, e.Attempt) + 1
	if !r.retries.pass(p.now) {
		p.holdFor(r, p.now.Add(duration(e.Delay)))
		return
	}
	which := fmt.Sprintf("attempt %d failed", e.Attempt)
	if n := r.retries.taken(); n > 0 {
		which = fmt.Sprintf("attempts %d to %d failed", e.Attempt-n, e.Attempt)
	}
	body := text(which)
	if why := reasonOf(e.Failure); why != "" {
		body = body.add(plain, ": "+why)
	}
	p.beneath(e.Step, "retry", caution, body.add(faint, "; again"+in(e.Delay)))
	p.holdFor(r, p.now.Add(duration(e.Delay)))
}

// stepRepeating says in one line what a turn came to.
func (p *Plain) stepRepeating(e event.StepRepeating) {
	r := p.over(e.Step)
	r.turn = e.Iteration
	if r.turns.pass(p.now) {
		r.turns.taken()
		var values []string
		for _, o := range e.Operands {
			values = append(values, squeeze(o.Text)+" is "+squeeze(o.Value))
		}
		body := text(ordinal("turn", e.Iteration))
		if len(values) > 0 {
			body = body.add(plain, ": "+strings.Join(values, ", "))
		}
		p.beneath(e.Step, "again", accent, body.add(faint, "; until "+squeeze(e.Until)+in(e.Delay)))
	}
	p.holdFor(r, p.now.Add(duration(e.Delay)))
}

// over ends whatever ran inside the step of that path, forgets what was kept
// back of it, and returns the step.
func (p *Plain) over(path event.Step) *running {
	p.drop()
	r := p.steps.find(path)
	if r == nil {
		r = &running{path: path}
	}
	p.steps.leave(r)
	return r
}

// in says when the next attempt is; nothing where that is at once.
func in(delay event.Duration) string {
	if delay <= 0 {
		return ""
	}
	return " in " + human(time.Duration(delay))
}

// reasonOf is a failure in a few words.
func reasonOf(f *event.Failure) string {
	switch {
	case f == nil:
		return ""
	case f.SQLState != "" && f.Condition != "":
		return f.SQLState + " " + f.Condition
	case f.SQLState != "":
		return f.SQLState + " " + squeeze(f.Message)
	default:
		return squeeze(f.Message)
	}
}
