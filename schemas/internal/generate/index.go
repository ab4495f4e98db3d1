package main

import (
	"fmt"
	"strings"
)

// index is the page that lists the actions.
func index(actions []*action) []byte {
	b := &strings.Builder{}
	b.WriteString("# Actions\n\nA step does one thing, its action. `runbook actions` lists them, `runbook actions NAME` shows a page.\n\n")
	var rows [][]string
	for _, a := range actions {
		rows = append(rows, []string{fmt.Sprintf("[%s](%s.md)", a.Name, a.Name), firstSentence(a.comment(a.Args).paragraphs[0])})
	}
	table(b, []string{"action", "what it does"}, rows)
	b.WriteString("## Types\n\nThe words that the pages use for what an argument takes:\n\n")
	table(b, []string{"type", "what to write"}, kindHelp())
	b.WriteString(generated)
	return []byte(b.String())
}

func firstSentence(text string) string {
	sentence, _, more := strings.Cut(text, ". ")
	if more {
		sentence += "."
	}
	return sentence
}
