package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"runbook/engine/explain"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

func explainCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "list the codes of problems, or explain one of them with an example",
		ArgsUsage: "[CODE]",
		Action: func(c *cli.Context) error {
			switch c.NArg() {
			case 0:
				return listCodes(stdout)
			case 1:
				return explainCode(c.Args().First(), stdout)
			default:
				return usagef("explain takes one code, and %d were given", c.NArg())
			}
		},
	}
}

func listCodes(stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, p := range explain.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Code, p.Severity(), p.Title)
	}
	return w.Flush()
}

func explainCode(code string, stdout io.Writer) error {
	p, ok := explain.Find(code)
	condition, ofSQL := strings.CutPrefix(code, "sql/")
	if codes, known := postgres.CodesFor(condition); !ok && ofSQL && known {
		p, ok = explain.Find(explain.FromServer)
		p.Code, p.Title = code, fmt.Sprintf("%s (%s)", p.Title, strings.Join(codes, ", "))
	}
	if !ok {
		return unknownCode(code)
	}
	fmt.Fprintf(stdout, "%s[%s]: %s\n\n%s", p.Severity(), p.Code, p.Title, paragraph(p.Text()))
	if wrong, right := p.Examples(); wrong != "" {
		fmt.Fprintf(stdout, "\nWrong:\n\n%s\nRight:\n\n%s", indented(wrong), indented(right))
	}
	return nil
}

func unknownCode(code string) error {
	var codes []string
	for _, p := range explain.All() {
		codes = append(codes, p.Code)
	}
	if hint := syntax.DidYouMean(code, codes); hint != "" {
		return usagef("there is no problem code %q; %s", code, hint)
	}
	return usagef("there is no problem code %q; `runbook explain` lists them", code)
}

// paragraph breaks a text into lines that are easy to read.
func paragraph(text string) string {
	const width = 78
	var b strings.Builder
	length := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case length+1+n > width:
			b.WriteByte('\n')
			length = 0
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += n
	}
	return b.String() + "\n"
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}
