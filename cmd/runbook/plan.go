package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"runbook/engine"
	"runbook/engine/postgres"
)

func planCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "show what a runbook would do to a database, without changing anything",
		ArgsUsage: "FILE|NAME",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "the target: a `URL` or keywords; DATABASE_URL and PG* serve when it is absent, and without any the plan is made without a target"},
			&cli.StringSliceFlag{Name: "var", Usage: "set a variable: `NAME=VALUE`, the value in YAML"},
			&cli.StringSliceFlag{Name: "vars-file", Usage: "set variables from a YAML `FILE`; --var goes before it"},
			&cli.StringFlag{Name: "format", Value: "terminal", Usage: "`FORM` of the plan: terminal, json or markdown"},
			&cli.GenericFlag{Name: "sandbox", Value: &sandboxFlag{}, Hidden: true},
		},
		Action: func(c *cli.Context) error {
			return planned(c, stdout)
		},
	}
}

// planForms are the forms of a plan, by the names of --format.
var planForms = map[string]func(io.Writer, *engine.Preview) error{
	"terminal": writePlanTable,
	"json":     writePlanJSON,
	"markdown": writePlanMarkdown,
}

// notReadyError is a plan with findings. The plan itself has told of them.
type notReadyError struct{ findings int }

func (e *notReadyError) Error() string { return counted(e.findings, "finding") }
func (e *notReadyError) Unwrap() error { return engine.ErrNotReady }

func planned(c *cli.Context, stdout io.Writer) error {
	if c.NArg() != 1 {
		return usagef("plan takes one runbook, and %d were given; for example: runbook plan tailspin --dsn URL", c.NArg())
	}
	write, ok := planForms[c.String("format")]
	if !ok {
		return usagef("--format is terminal, json or markdown, not %q", c.String("format"))
	}
	if c.Generic("sandbox").(*sandboxFlag).set {
		return usagef("plan reads a database that is there, and a sandbox would have to be built first; rehearse with: runbook run %s --sandbox", c.Args().First())
	}
	vars, err := variables(c.StringSlice("vars-file"), c.StringSlice("var"))
	if err != nil {
		return err
	}
	plan, err := load(locate(c.Args().First()))
	if err != nil {
		return err
	}
	if err := override(vars, plan, nil); err != nil {
		return err
	}
	preview, err := previewOf(c.Context, plan, c.String("dsn"))
	if err != nil {
		return err
	}
	if err := write(stdout, preview); err != nil {
		return err
	}
	if open := preview.Open(); len(open) > 0 {
		return &toldError{&notReadyError{len(open)}}
	}
	return nil
}

// previewOf asks the target that the command line or the environment names, if
// one does.
func previewOf(ctx context.Context, plan *engine.Plan, dsn string) (*engine.Preview, error) {
	if dsn == "" {
		dsn = os.Getenv("DATABASE_URL")
	}
	if dsn == "" && !environmentNamesTarget() {
		return plan.Preview(ctx, nil, engine.RunInfo{})
	}
	target, err := postgres.ParseTarget(dsn)
	if err != nil {
		return nil, usagef("--dsn: %s", err)
	}
	conns := engine.NewConnections(target, "runbook/plan")
	defer closeConnections(ctx, conns)
	return plan.Preview(ctx, conns, engine.RunInfo{})
}

// environmentNamesTarget says whether PG* variables do without a connection
// string.
func environmentNamesTarget() bool {
	return slices.ContainsFunc([]string{"PGHOST", "PGSERVICE", "PGDATABASE"}, func(name string) bool { return os.Getenv(name) != "" })
}

// closeConnections ends what only read; the server ends what does not close.
func closeConnections(ctx context.Context, conns *engine.Connections) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = conns.Close(closing)
}

func writePlanJSON(w io.Writer, p *engine.Preview) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // SQL is full of < and >
	if err := e.Encode(p); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}
