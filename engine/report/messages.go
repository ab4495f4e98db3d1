package report

import (
	"slices"
	"strings"

	"runbook/engine/event"
)

// notice shows what the server said beside its answers: always from WARNING
// up, the rest to those who asked for it.
func (p *Plain) notice(e event.Notice) {
	loud := slices.Contains([]string{"WARNING", "ERROR", "FATAL", "PANIC"}, e.Severity)
	if !loud && !p.opts.Verbose {
		return
	}
	word, st := "note", faint
	if loud {
		word, st = "warn", caution
	}
	depth := p.open(e.Step) + 1
	said := e.Severity + "  "
	if e.SQLState != "" && e.SQLState != "00000" {
		said = e.Severity + " " + e.SQLState + "  "
	}
	p.message(word, st, depth, said, e.Message)
	p.labelled(depth+1, "detail", e.Detail)
	p.labelled(depth+1, "hint", e.Hint)
}

func (p *Plain) warning(e event.Warning) {
	depth := 0
	if e.Step != "" {
		depth = p.open(e.Step) + 1
	}
	p.message("warn", caution, depth, "", e.Text)
}

// message shows words as long as they are, the first line behind a word.
func (p *Plain) message(word string, st style, depth int, lead, words string) {
	for i, w := range wrap(words, p.room(depth)-length(lead)) {
		if i == 0 {
			p.row(word, st, depth, styled(faint, lead).add(plain, w))
			continue
		}
		p.under(depth, text(strings.Repeat(" ", length(lead))+w))
	}
}

// instruction asks a person to do something. It must be seen, and must not be
// mistaken for something that already happened.
func (p *Plain) instruction(e event.Instruction) {
	depth := p.open(e.Step) + 1
	p.release() // nobody can act on what is kept back
	p.blank()
	first := true
	for _, paragraph := range paragraphs(e.Tell) {
		for _, w := range wrap(paragraph, p.room(depth)) {
			if first {
				p.row("DO", banner, depth, styled(strong, w))
				first = false
				continue
			}
			p.under(depth, styled(strong, w))
		}
	}
	if e.For != "" {
		waits := "Waiting for " + e.For + "."
		if first {
			p.row("DO", banner, depth, text(waits))
		} else {
			p.under(depth, styled(faint, waits))
		}
	}
	p.blank()
}

// owes shows what a step is about to take away. An attempt that is made again
// takes nothing new.
func (p *Plain) owes(e event.ObligationOpened) {
	if !p.tally.ledger[e.Obligation.ID] {
		p.beneath(e.Step, "owes", caution, text(e.Obligation.ID))
	}
}

// returned shows what is back. Of what is given up for good a warning has told.
func (p *Plain) returned(e event.ObligationClosed) {
	if !e.Waived {
		p.beneath(e.Step, "back", good, text(e.ID))
	}
}

func (p *Plain) statementStarted(e event.StatementStarted) {
	if p.opts.Verbose {
		depth := p.open(e.Step) + 1
		p.row("send", faint, depth, p.statement(depth, e.Connection, e.SQL, ""))
	}
}

func (p *Plain) statementFinished(e event.StatementFinished) {
	if !p.opts.Verbose {
		return
	}
	came := e.Tag
	if e.Error != "" {
		came = strings.TrimSpace(e.SQLState + " " + squeeze(e.Error))
	}
	depth := p.open(e.Step) + 1
	p.row("sql", faint, depth, p.statement(depth, e.Connection, e.SQL, human(duration(e.Duration))+"  "+came))
}

// statement is a statement on one line: what came of it, then as much of its
// text as fits.
func (p *Plain) statement(depth int, connection, sql, came string) line {
	lead := connection + "  "
	if came != "" {
		lead += came + "  "
	}
	room := p.room(depth)
	lead = cut(lead, room)
	return styled(faint, lead).add(plain, cut(squeeze(sql), room-length(lead)))
}
