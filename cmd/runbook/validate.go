package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/urfave/cli/v2"

	"runbook/engine"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

func validateCommand(stdout, stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "check runbooks without a connection, and show all problems of all files",
		ArgsUsage: "FILE|NAME…",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "have this database, a `URL` or keywords, check the statements too, without changing anything"},
			&cli.StringSliceFlag{Name: "var", Usage: "set a variable for --dsn: `NAME=VALUE`, the value in YAML"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "`FORM` of the problems: text, json, or github for annotations in its workflows"},
			&cli.BoolFlag{Name: "strict", Usage: "end with 2 for warnings too"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show what could not be checked"},
		},
		Action: func(c *cli.Context) error {
			collectLate()
			if c.NArg() == 0 {
				return usagef("validate takes at least one runbook")
			}
			vars, err := variables(nil, c.StringSlice("var"))
			if err != nil {
				return err
			}
			write, ok := problemForms[c.String("format")]
			if !ok {
				return usagef("--format is text, json or github, not %q", c.String("format"))
			}
			v := &validation{notes: stdout, vars: vars, verbose: c.Bool("verbose"), findings: &findings{sources: map[string]*syntax.Source{}, began: time.Now()}}
			if c.String("format") != "text" {
				v.notes = stderr
			}
			if c.IsSet("dsn") {
				if v.target, err = postgres.ParseTarget(c.String("dsn")); err != nil {
					return usagef("--dsn: %s", err)
				}
				v.asked = v.target.String()
			}
			if err := v.all(c.Context, c.Args().Slice()); err != nil {
				return err
			}
			if err := write(v.findings, stdout, stderr); err != nil {
				return err
			}
			return v.verdict(c.Bool("strict"))
		},
	}
}

// validation checks runbooks, and has a database check them too where one is
// given.
type validation struct {
	*findings
	notes   io.Writer        // what is said beside the problems
	target  *postgres.Target // nil: offline
	vars    map[string]string
	verbose bool
}

func (v *validation) all(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := v.one(ctx, locate(name)); err != nil {
			return err
		}
	}
	v.problems = v.problems.Sort()
	return nil
}

func (v *validation) one(ctx context.Context, b book) error {
	c := check(b)
	v.files++
	v.steps += c.steps
	v.add(c.problems, c.sources)
	if c.plan == nil {
		return nil
	}
	plan, told := c.plan, ""
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
			maps.Copy(v.sources, c.sources)
			return nil
		}
		told = ", " + counted(inspection.Checked, "statement") + " checked against " + v.target.String()
		if n := len(inspection.Unchecked); n > 0 {
			told += fmt.Sprintf(", %d could not be", n)
		}
	}
	if n := len(c.problems.Sort()); n > 0 {
		told += ", " + counted(n, "warning")
	}
	_, err := fmt.Fprintf(v.notes, "%s: good, %s%s\n", b.shown, counted(plan.Steps(), "step"), told)
	return err
}

func (v *validation) add(problems syntax.Problems, sources map[string]*syntax.Source) {
	v.problems = append(v.problems, problems...)
	maps.Copy(v.sources, sources)
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
		if _, err := fmt.Fprintf(v.notes, "%s: could not be checked: %s\n", u.Pos, u.Reason); err != nil {
			return err
		}
	}
	return nil
}
