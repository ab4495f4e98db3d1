package report

import (
	"fmt"
	"slices"
	"strings"

	"runbook/engine/event"
)

// mostLeft is how many statements of a kind, and titles, the recap names.
const mostLeft = 3

// left says in which state a run that did not end well leaves the database: the
// steps that were cut short, and those that it did not come to.
func (p *Plain) left(e event.RunFinished) {
	if p.run.Sandbox {
		return // nothing of it is left
	}
	label := "left"
	say := func(words string) {
		p.folded(label, words)
		label = ""
	}
	for _, l := range e.Left {
		say(headline(l))
		p.statements("done, and stays: ", l.Done)
		p.statements("rolled back: ", l.Undone)
		p.statements("ended early, may have left something: ", l.Broken)
		for _, u := range l.Unknown {
			p.statements(fmt.Sprintf("not known, backend %d: ", u.PID), []string{u.SQL})
		}
		if l.Committing {
			p.fact("", plain, text("  its COMMIT was not answered; resume asks the server what became of it"))
		}
	}
	if len(p.tally.notReached) > 0 && (e.Status != event.Failed || slices.ContainsFunc(e.Left, isCut)) {
		say("not reached: " + named(p.tally.notReached))
	}
}

func isCut(l event.Left) bool { return l.Cut }

func headline(l event.Left) string {
	title := fmt.Sprintf("%q", clean(l.Title))
	switch {
	case len(l.Unknown) > 0 || l.Committing:
		return "it is not known whether " + title + " happened"
	case l.Lost:
		return title + " lost its connection"
	case l.Cut && l.Reads:
		return title + " was cut short; it only reads"
	case l.Cut:
		return title + " was cut short"
	default:
		return title + " is done in part"
	}
}

// statements shows a few of them, each on one line.
func (p *Plain) statements(lead string, list []string) {
	for i, sql := range list {
		if i == mostLeft {
			p.fact("", plain, text(fmt.Sprintf("  and %d more", len(list)-i)))
			return
		}
		p.fact("", plain, text("  ").add(faint, lead).add(plain, cut(squeeze(sql), p.width-labelWidth-2-length(lead))))
	}
}

func named(titles []string) string {
	var out []string
	for i, t := range titles {
		if i == mostLeft {
			return fmt.Sprintf("%s and %d more", strings.Join(out, ", "), len(titles)-i)
		}
		out = append(out, fmt.Sprintf("%q", clean(t)))
	}
	return strings.Join(out, ", ")
}
