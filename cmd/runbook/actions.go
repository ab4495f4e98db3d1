package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"runbook/actions"
	"runbook/docs"
	"runbook/engine/syntax"
)

func actionsCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "actions",
		Usage:     "list the actions, or show what one of them takes and gives",
		ArgsUsage: "[NAME]",
		Action: func(c *cli.Context) error {
			switch c.NArg() {
			case 0:
				return listActions(stdout)
			case 1:
				return showAction(c.Args().First(), stdout)
			default:
				return usagef("actions takes one name, and %d were given", c.NArg())
			}
		},
	}
}

func listActions(stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, a := range actions.All() {
		summary, err := docs.Summary(a.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\n", a.Name, summary)
	}
	return w.Flush()
}

func showAction(name string, stdout io.Writer) error {
	var names []string
	for _, a := range actions.All() {
		names = append(names, a.Name)
	}
	if !slices.Contains(names, name) {
		if hint := syntax.DidYouMean(name, names); hint != "" {
			return usagef("there is no action %q; %s", name, hint)
		}
		return usagef("there is no action %q; there are: %s", name, strings.Join(names, ", "))
	}
	page, err := docs.Action(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, page)
	return err
}
