package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"runbook/engine"
)

// planRow is a line of the table: cells, or a detail that spans them.
type planRow struct {
	cells  []string
	detail string
}

// mostTitle is how long a title may be, in characters.
const mostTitle = 50

// writePlanTable writes a plan for a person at a terminal.
func writePlanTable(w io.Writer, p *engine.Preview) error {
	var b bytes.Buffer
	for _, line := range planHeader(p) {
		fmt.Fprintf(&b, "%-8s %s\n", line[0], line[1])
	}
	rows := []planRow{{cells: []string{"", "#", "step", "kind", "locks (predicted)", "undo"}}}
	rows = appendPlanRows(rows, p.Steps, 0)
	b.WriteString("\n")
	writeRows(&b, rows)
	writeFindings(&b, p)
	fmt.Fprintf(&b, "\n%s\nplan %s\n", planTally(p), planVerdict(p))
	_, err := w.Write(b.Bytes())
	return err
}

func appendPlanRows(rows []planRow, steps []engine.StepPreview, depth int) []planRow {
	for _, s := range steps {
		title := strings.Repeat("  ", depth) + s.Title
		if s.Action == "group" && s.Decision == engine.WillRun {
			rows = append(rows, planRow{cells: []string{"", s.Number, title}})
		} else {
			rows = append(rows, planRow{cells: []string{decisionWords[s.Decision], s.Number, shortTitle(title), kindCell(s), lockCell(s), s.Undo}})
		}
		for _, text := range details(s) {
			rows = append(rows, planRow{detail: strings.Repeat("  ", depth) + text})
		}
		rows = appendPlanRows(rows, s.Steps, depth+1)
	}
	return rows
}

func shortTitle(title string) string {
	if r := []rune(title); len(r) > mostTitle {
		return string(r[:mostTitle-1]) + "…"
	}
	return title
}

// kindCell is what the step does; of one that does nothing there is none.
func kindCell(s engine.StepPreview) string {
	if s.Decision == engine.WillSkip || s.Decision == engine.Holds {
		return ""
	}
	return string(s.Kind)
}

// lockCell is the locks where they need no word; details tell of the others.
func lockCell(s engine.StepPreview) string {
	groups := lockGroups(s)
	switch {
	case s.Decision == engine.WillSkip || s.Decision == engine.Holds:
		return ""
	case len(groups) == 1 && groups[0].note == "":
		return groups[0].String()
	case len(groups) > 0:
		return "see below"
	case s.Opaque:
		return "? (a function)"
	default:
		return ""
	}
}

// details are the lines below a step.
func details(s engine.StepPreview) []string {
	var out []string
	if why := whyDecided(s); why != "" {
		out = append(out, why)
	}
	if s.Decision == engine.WillSkip || s.Decision == engine.Holds {
		return out
	}
	if lockCell(s) == "see below" {
		for _, g := range lockGroups(s) {
			line := "locks " + g.String()
			if g.note != "" {
				line += " — " + g.note
			}
			out = append(out, line)
		}
	}
	out = append(out, s.Notes...)
	for _, f := range toldFindings(s) {
		mark := "✗ "
		if f.RepairedBy != "" {
			mark = "! "
		}
		out = append(out, mark+f.What)
	}
	return out
}

// writeRows aligns the cells; a detail begins below the title.
func writeRows(b *bytes.Buffer, rows []planRow) {
	widths := make([]int, 6)
	for _, r := range rows {
		for i, c := range r.cells {
			if len(r.cells) > 3 || i < 2 { // the title of a group may be long
				widths[i] = max(widths[i], utf8.RuneCountInString(c))
			}
		}
	}
	for _, r := range rows {
		line := strings.Repeat(" ", widths[0]+widths[1]+6) + r.detail
		if r.cells != nil {
			line = ""
			for i, c := range r.cells {
				line += " " + c + strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(c))+1)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func writeFindings(b *bytes.Buffer, p *engine.Preview) {
	steps, open, repaired := findingsOf(p)
	if p.Target == nil && len(steps) == 0 {
		return
	}
	fmt.Fprintf(b, "\npreflight  %s\n", findingsText(open, repaired))
	for _, s := range steps {
		for _, f := range toldFindings(s) {
			mark := "✗"
			if f.RepairedBy != "" {
				mark = "!"
			}
			fmt.Fprintf(b, "  %s  %s %s: %s\n", mark, s.Number, s.Title, f.What)
			if f.Fix != "" {
				fmt.Fprintf(b, "     → %s\n", f.Fix)
			}
			if f.RepairedBy != "" {
				fmt.Fprintf(b, "     step %s may repair it before\n", f.RepairedBy)
			}
		}
	}
}
