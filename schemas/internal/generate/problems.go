package main

import (
	"fmt"
	"strings"

	"runbook/engine/explain"
)

// problems is the page of the problem codes.
func problems() []byte {
	b := &strings.Builder{}
	b.WriteString("# Problems\n\nEach problem that `runbook validate` finds has a code that stays the same across releases. `runbook explain CODE` shows what is here.\n\n")
	var rows [][]string
	for _, p := range explain.All() {
		rows = append(rows, []string{fmt.Sprintf("[%s](#%s)", p.Code, anchor(p.Code)), p.Severity(), p.Title})
	}
	table(b, []string{"code", "is", "what is wrong"}, rows)
	for _, p := range explain.All() {
		fmt.Fprintf(b, "## %s\n\n**%s.** %s\n\n", p.Code, p.Title, codeSpans.Replace(p.Text()))
		if wrong, right := p.Examples(); wrong != "" {
			fmt.Fprintf(b, "Wrong:\n\n```yaml\n%s```\n\nRight:\n\n```yaml\n%s```\n\n", wrong, right)
		}
	}
	b.WriteString(strings.ReplaceAll(generated, "the doc comments in actions/", "engine/explain"))
	return []byte(b.String())
}

// codeSpans keeps Markdown from reading the texts' signs as its own.
var codeSpans = strings.NewReplacer("<<", "`<<`", "*.yaml", `\*.yaml`, "||", "`||`")

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(heading), "/", "")
}
