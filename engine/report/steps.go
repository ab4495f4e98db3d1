package report

import (
	"strings"

	"runbook/engine/event"
)

// ending is the word for how a step ended. Allowed is a failure that the
// runbook put up with.
func ending(s event.Status, allowed bool) (word string, st style) {
	switch s {
	case event.Done:
		return "ok", good
	case event.Failed:
		if allowed {
			return "fail", caution
		}
		return "FAIL", bad
	case event.Skipped:
		return "skip", faint
	case event.NotReached:
		return "--", faint
	case event.Interrupted:
		return "STOP", bad
	default: // Unknown, and whatever a newer version may say
		return "????", bad
	}
}

// stepLine shows how a step ended: its title, the time it took and a summary,
// in columns that a long title pushes aside and a long summary leaves.
func (p *Plain) stepLine(word string, st style, depth int, title string, took event.Duration, summary string) {
	const timeWidth = 7
	column := (p.width - wordWidth - 2 - timeWidth - 2) * 3 / 5
	look := plain
	if st == faint {
		look = faint
	}
	l := styled(look, title).pad(column - indent*depth)
	if took > 0 {
		t := human(duration(took))
		l = l.add(faint, "  "+strings.Repeat(" ", max(timeWidth-length(t), 0))+t)
	}
	if summary == "" {
		p.row(word, st, depth, l)
		return
	}
	l = l.pad(column - indent*depth + 2 + timeWidth)
	if full := l.add(plain, "  ").add(look, summary); full.width() <= p.room(depth) {
		p.row(word, st, depth, full)
		return
	}
	p.row(word, st, depth, l)
	p.wrapped(depth+1, look, summary)
}

// open makes sure that the step of that path and those around it are named on
// the terminal, and returns its depth; -1 for a step that is not running.
func (p *Plain) open(path event.Step) int {
	r := p.steps.find(path)
	if r == nil {
		return -1 + p.setup
	}
	p.openAbove(r.depth)
	p.openOne(r)
	return r.depth + p.setup
}

// openAbove names the running steps that enclose one of that depth.
func (p *Plain) openAbove(depth int) {
	for _, r := range p.steps {
		if r.depth < depth {
			p.openOne(r)
		}
	}
}

func (p *Plain) openOne(r *running) {
	if !r.opened {
		r.opened = true
		p.row(">>", accent, r.depth+p.setup, styled(strong, r.title))
	}
}

func (p *Plain) stepStarted(e event.StepStarted) {
	if p.hold != nil && p.hold.failed {
		p.release()
	}
	r := p.steps.start(e, p.now)
	p.openAbove(r.depth)
	if p.opts.Verbose {
		p.openOne(r)
	}
}

func (p *Plain) stepFinished(e event.StepFinished) {
	r := p.steps.end(e.Step)
	if r == nil { // a report of a journal's end can meet the end of a step only
		r = &running{depth: e.Depth, attempt: 1}
	}
	p.countHidden(r)
	switch {
	case e.Status == event.Failed && !e.Allowed:
		p.holdFailure(e.Depth)
	case p.hold != nil && (p.hold.owner == r || e.Status != event.Done && e.Status != event.Failed):
		p.release()
	}
	p.openAbove(e.Depth)

	var remarks []string
	if e.Summary != "" {
		remarks = append(remarks, e.Summary)
	}
	if r.turn > 0 {
		remarks = append(remarks, count(r.turn+1, "turn"))
	}
	if r.attempt > 1 {
		remarks = append(remarks, ordinal("attempt", r.attempt))
	}
	if e.Allowed {
		remarks = append(remarks, "allowed to fail")
	}
	word, st := ending(e.Status, e.Allowed)
	depth := e.Depth + p.setup
	p.stepLine(word, st, depth, e.Title, e.Duration, strings.Join(remarks, "; "))
	// What fails inside a group fails the group for the same reason.
	if e.Failure != nil && p.failedStep(*e.Failure) == "" {
		p.explain(depth+1, *e.Failure)
		p.failed = append(p.failed, explained{e.Title, *e.Failure})
	}
	if p.hold != nil && p.hold.owner == r {
		p.release()
	}
}

func (p *Plain) stepSkipped(e event.StepSkipped) {
	word, st := ending(e.Status, false)
	reason := e.Reason
	if e.Status == event.NotReached {
		if reason == p.reason {
			reason = "" // one failure leaves many steps behind; it is said once
		} else {
			p.reason = reason
		}
	} else {
		p.reason = ""
	}
	p.openAbove(e.Depth)
	p.stepLine(word, st, e.Depth+p.setup, e.Title, 0, reason)
}
