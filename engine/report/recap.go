package report

import (
	"fmt"
	"strings"

	"runbook/engine/event"
)

// recap sums the run up, the loudest thing last: what an operator sees when
// the prompt comes back.
func (p *Plain) recap(e event.RunFinished) {
	p.release()
	p.steps = nil
	p.blank()

	word, st := verdictOf(e.Status)
	p.fact(word, st, styled(strong, p.run.Runbook).add(plain, " in "+human(duration(e.Duration))))
	if e.Failure != nil {
		p.folded("because", p.because(*e.Failure))
	}
	p.fact("steps", faint, p.counts(e))
	for i, w := range p.tally.windows {
		label := ""
		if i == 0 {
			label = "windows"
		}
		p.folded(label, w.String())
	}
	if n := len(p.tally.ledger); n > 0 {
		words := fmt.Sprintf("%d opened, %d restored", n, p.tally.restored())
		if p.tally.waived > 0 {
			words += fmt.Sprintf(", %d gone for good", p.tally.waived)
		}
		p.fact("ledger", faint, text(words))
	}
	if p.run.Engine == standIn {
		p.fact("engine", caution, text("stand-in: nothing was distributed, and no time here says anything about Citus"))
	}
	if e.Status != event.Done {
		p.left(e)
	}
	p.fact("run", faint, text(p.run.Run))
	if e.Status != event.Done && !p.run.Sandbox {
		p.fact("next", faint, text(p.next(e)+" "+p.run.Run))
	}
	if len(e.Open) > 0 {
		p.owed(e.Open)
	}
}

// next is the command that goes on: where all steps are done and only the ledger
// is open, to resume would change nothing.
func (p *Plain) next(e event.RunFinished) string {
	if len(e.Open) > 0 && e.Status == event.Failed && e.Failed == 0 && e.NotReached == 0 {
		return "runbook ledger restore"
	}
	return "runbook resume"
}

func verdictOf(s event.Status) (word string, st style) {
	switch s {
	case event.Done:
		return "DONE", good
	case event.Failed:
		return "FAILED", bad
	case event.Interrupted:
		return "STOPPED", bad
	default:
		return "UNKNOWN", bad
	}
}

// counts has each of the words that a step can end with, so that a missing one
// is not missed.
func (p *Plain) counts(e event.RunFinished) line {
	var l line
	for _, c := range []struct {
		n     int
		word  string
		alarm style
	}{
		{e.Done, "ok", good},
		{e.Failed, "failed", bad},
		{p.tally.unknown, "unknown", bad},
		{e.NotReached, "not reached", caution},
		{e.Skipped, "skipped", plain},
		{e.Retried, "retried", plain},
	} {
		st := c.alarm
		if c.n == 0 {
			st = faint
		}
		if len(l) > 0 {
			l = l.add(plain, "  ")
		}
		l = l.add(st, fmt.Sprintf("%d %s", c.n, c.word))
	}
	return l
}

// String is such as: blockers 12, longest 1.1s, during "Distribute orders".
func (w windows) String() string {
	s := fmt.Sprintf("%s %d", w.probe, w.count)
	if w.longest > 0 {
		s += ", longest " + human(w.longest)
	} else {
		s += ", none longer than one sample"
	}
	if w.during != "" {
		s += fmt.Sprintf(", during %q", clean(w.during))
	}
	return s
}

// owed shows what the run took away and did not bring back, with the statements
// to do it by hand, which are never cut.
func (p *Plain) owed(open []event.Obligation) {
	p.blank()
	p.fact("OPEN", bad, styled(strong, "Not restored: "+count(len(open), "object")+". Resume the run, run `runbook ledger restore`, or these statements:"))
	for _, o := range open {
		p.fact("", plain, styled(caution, o.ID))
		for _, l := range paragraphs(strings.TrimRight(o.Restore, "; \n") + ";") {
			p.fact("", plain, text("  "+l))
		}
	}
}

// folded shows a fact that may need several lines.
func (p *Plain) folded(label, words string) {
	for _, w := range wrap(words, p.width-labelWidth) {
		p.fact(label, faint, text(w))
		label = ""
	}
}

// because is why the run ended, in a sentence: the full story is further up,
// and may have left the screen.
func (p *Plain) because(f event.Failure) string {
	why := squeeze(f.Message)
	if title := p.failedStep(f); title != "" {
		why = title + ": " + why
	}
	var facts []string
	if f.SQLState != "" {
		facts = append(facts, f.SQLState)
	}
	if f.Place != nil {
		facts = append(facts, fmt.Sprintf("%s:%d", f.Place.File, f.Place.Line))
	}
	if len(facts) > 0 {
		why += " (" + strings.Join(facts, ", ") + ")"
	}
	return why
}
