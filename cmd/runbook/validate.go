package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"

	"github.com/urfave/cli/v2"

	"runbook/engine"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

func validateCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "check runbooks without a connection, and show all problems of all files",
		ArgsUsage: "FILE|NAME…",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "have this database, a `URL` or keywords, check the statements too, without changing anything"},
			&cli.StringSliceFlag{Name: "var", Usage: "set a variable for --dsn: `NAME=VALUE`, the value in YAML"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show what could not be checked"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("validate takes at least one runbook")
			}
			vars, err := variables(nil, c.StringSlice("var"))
			if err != nil {
				return err
			}
			v := &validation{stdout: stdout, vars: vars, verbose: c.Bool("verbose"), found: &problemsError{sources: map[string]*syntax.Source{}}}
			if c.IsSet("dsn") {
				if v.target, err = postgres.ParseTarget(c.String("dsn")); err != nil {
					return usagef("--dsn: %s", err)
				}
				v.found.asked = v.target.String()
			}
			return v.all(c.Context, c.Args().Slice())
		},
	}
}

// validation checks runbooks, and has a database check them too where one is
// given.
type validation struct {
	stdout  io.Writer
	target  *postgres.Target // nil: offline
	vars    map[string]string
	verbose bool
	found   *problemsError
}

func (v *validation) all(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := v.one(ctx, locate(name)); err != nil {
			return err
		}
	}
	if len(v.found.problems) > 0 {
		return v.found
	}
	return nil
}

func (v *validation) one(ctx context.Context, b book) error {
	plan, err := load(b)
	var problems *problemsError
	switch {
	case errors.As(err, &problems):
		v.add(problems.problems, problems.sources)
		return nil
	case err != nil:
		return err
	}
	told := ""
	if v.target != nil {
		if err := override(v.vars, plan, nil); err != nil {
			return err
		}
		inspection, err := v.inspect(ctx, plan)
		if err != nil {
			return err
		}
		if err := v.unchecked(inspection); err != nil {
			return err
		}
		if len(inspection.Problems) > 0 {
			v.add(inspection.Problems, inspection.Sources)
			if src, err := fs.ReadFile(b.files.FS, b.name); err == nil {
				v.found.sources[b.shown] = syntax.NewSource(b.shown, src)
			}
			return nil
		}
		told = ", " + counted(inspection.Checked, "statement") + " checked against " + v.target.String()
		if n := len(inspection.Unchecked); n > 0 {
			told += fmt.Sprintf(", %d could not be", n)
		}
	}
	_, err = fmt.Fprintf(v.stdout, "%s: good, %s%s\n", b.shown, counted(plan.Steps(), "step"), told)
	return err
}

func (v *validation) add(problems syntax.Problems, sources map[string]*syntax.Source) {
	v.found.problems = append(v.found.problems, problems...)
	maps.Copy(v.found.sources, sources)
}

func (v *validation) inspect(ctx context.Context, plan *engine.Plan) (*engine.Inspection, error) {
	conns := engine.NewConnections(v.target, "runbook/validate")
	defer closeConnections(ctx, conns)
	return plan.Inspect(ctx, conns)
}

// unchecked shows what the server could not judge, where that was asked for.
func (v *validation) unchecked(i *engine.Inspection) error {
	if !v.verbose {
		return nil
	}
	for _, u := range i.Unchecked {
		if _, err := fmt.Fprintf(v.stdout, "%s: could not be checked: %s\n", u.Pos, u.Reason); err != nil {
			return err
		}
	}
	return nil
}
