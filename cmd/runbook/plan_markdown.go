package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"runbook/engine"
)

// writePlanMarkdown writes a plan for a pull request.
func writePlanMarkdown(w io.Writer, p *engine.Preview) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "### Plan of %s: %s\n\n", markdownText(p.Runbook), planVerdict(p))
	for _, line := range planHeader(p) {
		fmt.Fprintf(&b, "- %s: %s\n", line[0], markdownText(line[1]))
	}
	fmt.Fprintf(&b, "- %s\n\n", planTally(p))
	b.WriteString("| | # | step | kind | locks (predicted) | undo | notes |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	markdownSteps(&b, p.Steps, 0)
	steps, open, repaired := findingsOf(p)
	if p.Target != nil || len(steps) > 0 {
		fmt.Fprintf(&b, "\n**Preflight:** %s\n", findingsText(open, repaired))
	}
	for _, s := range steps {
		for _, f := range toldFindings(s) {
			fmt.Fprintf(&b, "\n- %s %s: %s", s.Number, markdownText(s.Title), markdownText(f.What))
			if f.Fix != "" {
				fmt.Fprintf(&b, " → %s", markdownText(f.Fix))
			}
			if f.RepairedBy != "" {
				fmt.Fprintf(&b, " (step %s may repair it before)", f.RepairedBy)
			}
		}
	}
	if len(steps) > 0 {
		b.WriteString("\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func markdownSteps(b *bytes.Buffer, steps []engine.StepPreview, depth int) {
	for _, s := range steps {
		title := strings.Repeat("&emsp;", depth) + markdownText(s.Title)
		decision := decisionWords[s.Decision]
		if s.Action == "group" {
			title = strings.Repeat("&emsp;", depth) + "**" + markdownText(s.Title) + "**"
			if s.Decision == engine.WillRun {
				decision = ""
			}
		}
		var locks, notes []string
		idle := s.Decision == engine.WillSkip || s.Decision == engine.Holds
		if why := whyDecided(s); why != "" {
			notes = append(notes, markdownText(why))
		}
		if !idle {
			for _, g := range lockGroups(s) {
				text := markdownText(g.String())
				if g.note != "" {
					text += " — " + markdownText(g.note)
				}
				locks = append(locks, text)
			}
			if len(locks) == 0 && s.Opaque {
				locks = []string{"? (a function)"}
			}
			for _, n := range s.Notes {
				notes = append(notes, markdownText(n))
			}
		}
		fmt.Fprintf(
			b, "| %s | %s | %s | %s | %s | %s | %s |\n", decision, s.Number, title,
			kindCell(s), strings.Join(locks, "<br>"), markdownText(s.Undo), strings.Join(notes, "<br>"),
		)
		markdownSteps(b, s.Steps, depth+1)
	}
}

var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`, "\n", " ",
)

// markdownText keeps a text from being read as Markdown.
func markdownText(s string) string { return markdownEscapes.Replace(s) }
