package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"runbook/engine/syntax"
)

func validateCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "check runbooks without a connection, and show all problems of all files",
		ArgsUsage: "FILE|NAME…",
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("validate takes at least one runbook")
			}
			return validate(c.Args().Slice(), stdout)
		},
	}
}

func validate(names []string, stdout io.Writer) error {
	all := &problemsError{sources: map[string]*syntax.Source{}}
	for _, name := range names {
		b := locate(name)
		plan, err := load(b)
		var problems *problemsError
		if errors.As(err, &problems) {
			all.problems = append(all.problems, problems.problems...)
			for file, source := range problems.sources {
				all.sources[file] = source
			}
			continue
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stdout, "%s: good, %s\n", b.shown, counted(plan.Steps(), "step")); err != nil {
			return err
		}
	}
	if len(all.problems) > 0 {
		return all
	}
	return nil
}
