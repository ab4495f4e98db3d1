package report

// The rules of the terminal:
//
//   - One line for one thing, written at once and never taken back: what a
//     person reads live, what CI keeps and what `tee` saves are the same text.
//   - The first column is a word of at most five letters that can be searched
//     for. ok, FAIL, skip, -- (not reached), ???? (unknown) and STOP
//     (interrupted) end a step; ">>" opens one. A step that did not run or whose
//     outcome is not known is never ok.
//   - A step opens when the first thing beneath it is to be shown, so a step
//     that simply worked is one line, and nothing ever stands under a step that
//     was not named.
//   - Signs of life come after 5 s, then ever more seldom. Repeats are counted.
//   - Attempts that will be made again are one line, not their steps' lines.
//   - Colour is there for the eye and never the only carrier of a meaning.
//   - Nothing that a database or a file said reaches the terminal unescaped:
//     only line.paint writes, and it cleans.
//   - Queries are cut to the width. Statements to be copied, errors, hints and
//     instructions never are.

import (
	"fmt"
	"io"
	"strings"
	"time"

	"runbook/engine/event"
)

// PlainOptions is how Plain looks. The zero value is what a log wants.
type PlainOptions struct {
	Color   bool // the terminal shows colours and its user has nothing against them
	Verbose bool // statements, notices and the ends of windows too
	Clock   bool // each line begins with the time of day
	Width   int  // of the terminal in characters; 0 means 100
}

// Plain writes a run as lines for people, on a terminal or in a log.
type Plain struct {
	out   output
	opts  PlainOptions
	width int // what Clock leaves
	now   time.Time
	lines []line // of the record in hand
	empty bool   // the last line written was empty, or nothing is written yet

	run    event.RunStarted
	setup  int // 1 while a sandbox's starting point is built: its steps are indented by one
	steps  stack
	hold   *hold
	failed []explained
	reason string // the one of the last step not reached
	tally  tally
}

var _ event.Sink = (*Plain)(nil)

func NewPlain(w io.Writer, opts PlainOptions) *Plain {
	p := &Plain{out: output{w: w}, opts: opts, empty: true, width: opts.Width}
	if p.width <= 0 {
		p.width = 100
	}
	if opts.Clock {
		p.width -= len(clockFormat)
	}
	p.width = max(p.width, 60) // less than that is left to the terminal to fold
	return p
}

const clockFormat = "15:04:05 "

// Write shows r. It returns the first error of the writer, once.
func (p *Plain) Write(r event.Record) error {
	p.now = r.Time
	p.releaseOld()
	if !p.show(r.Event) {
		return fmt.Errorf("show record %d: no rule for %T", r.Seq, r.Event)
	}
	p.tally.add(r.Event)
	if err := p.flush(); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// show reports whether it knows e's type; a test asks for each.
func (p *Plain) show(e event.Event) bool {
	if _, ok := e.(event.StepSkipped); !ok {
		p.reason = ""
	}
	switch e := e.(type) {
	case event.RunStarted:
		p.header(e)
	case event.RunFinished:
		p.recap(e)
	case event.SetupStarted:
		p.setupStarted(e)
	case event.SetupFinished:
		p.setupFinished(e)
	case event.StepStarted:
		p.stepStarted(e)
	case event.StepFinished:
		p.stepFinished(e)
	case event.StepSkipped:
		p.stepSkipped(e)
	case event.StepRetrying:
		p.stepRetrying(e)
	case event.StepRepeating:
		p.stepRepeating(e)
	case event.StatementStarted:
		p.statementStarted(e)
	case event.StatementFinished:
		p.statementFinished(e)
	case event.Committing: // the COMMIT itself is shown to those who asked for statements
	case event.Notice:
		p.notice(e)
	case event.Progress:
		p.progress(e)
	case event.Instruction:
		p.instruction(e)
	case event.Sighting:
		p.sighting(e)
	case event.WindowClosed:
		p.windowClosed(e)
	case event.GuardHeld:
		p.guardHeld(e)
	case event.GuardEnded:
		p.guardEnded(e)
	case event.Shown:
		p.shown(e)
	case event.Measured:
		p.measured(e)
	case event.LoadMeasured:
		p.loadMeasured(e)
	case event.ObligationOpened:
		p.owes(e)
	case event.ObligationClosed:
		p.returned(e)
	case event.Warning:
		p.warning(e)
	default:
		return false
	}
	return true
}

const (
	wordWidth = 6 // of the first column, with the space after it
	indent    = 2 // of each depth
)

// row shows a line whose first column is word, at a depth.
func (p *Plain) row(word string, st style, depth int, body line) {
	l := styled(st, word).pad(wordWidth + indent*depth).join(body)
	if p.opts.Clock {
		l = styled(faint, p.now.Format(clockFormat)).join(l)
	}
	p.put(l)
}

// under shows a line that belongs to the row before it.
func (p *Plain) under(depth int, body line) {
	l := text(strings.Repeat(" ", wordWidth+indent*depth)).join(body)
	if p.opts.Clock {
		l = text(strings.Repeat(" ", len(clockFormat))).join(l)
	}
	p.put(l)
}

// wrapped shows words under the row before it.
func (p *Plain) wrapped(depth int, st style, words string) {
	for _, w := range wrap(words, p.room(depth)) {
		p.under(depth, styled(st, w))
	}
}

// room is how much fits on a line at a depth.
func (p *Plain) room(depth int) int {
	return max(p.width-wordWidth-indent*depth, 30)
}

// blank leaves a line empty, but never two.
func (p *Plain) blank() { p.put(nil) }

func (p *Plain) put(l line) {
	if p.hold != nil {
		p.hold.lines = append(p.hold.lines, l)
		return
	}
	p.lines = append(p.lines, l)
}

// flush writes what the record in hand gave, in one piece.
func (p *Plain) flush() error {
	var b strings.Builder
	for _, l := range p.lines {
		if len(l) == 0 && p.empty {
			continue
		}
		p.empty = len(l) == 0
		l.paint(&b, p.opts.Color)
	}
	p.lines = p.lines[:0]
	return p.out.write([]byte(b.String()))
}

// beneath shows a line under the step of that path, which it opens.
func (p *Plain) beneath(path event.Step, word string, st style, body line) {
	p.row(word, st, p.open(path)+1, body)
}
