package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
	"runbook/engine/report"
	"runbook/engine/sandbox"
	"runbook/engine/syntax"
)

func runCommand(stdout, stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a runbook against a database, or rehearse it in a sandbox",
		ArgsUsage: "FILE|NAME",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "the target: a `URL` or keywords; DATABASE_URL and PG* serve when it is absent"},
			&cli.GenericFlag{Name: "sandbox", Value: &sandboxFlag{}, Usage: "rehearse in a throw-away cluster: --sandbox, or --sandbox=citus or =stand-in"},
			&cli.StringFlag{Name: "pg-bin", Usage: "the `DIR` with initdb and postgres for the sandbox"},
			&cli.StringSliceFlag{Name: "var", Usage: "set a variable: `NAME=VALUE`, the value in YAML"},
			&cli.StringSliceFlag{Name: "vars-file", Usage: "set variables from a YAML `FILE`; --var goes before it"},
			&cli.StringSliceFlag{Name: "tags", Usage: "run only steps with one of these `TAGS`, separated by commas"},
			&cli.StringFlag{Name: "from", Usage: "begin with the step of this `ID`"},
		}, runningFlags()...),
		Action: func(c *cli.Context) error {
			o, err := runOptionsOf(c)
			if err != nil {
				return err
			}
			return o.run(c.Context, stdout, stderr)
		},
	}
}

// runningFlags are those of every command that runs a plan.
func runningFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "wait-lock", Usage: "how long to wait for another run of the runbook on the same database to end"},
		&cli.StringFlag{Name: "output", Value: "auto", Usage: "`FORM` of the output: auto, plain or jsonl"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show statements and notices too"},
		&cli.StringFlag{Name: "dir", Value: ".runbook", Usage: "the `DIR` that journals of runs are kept in"},
	}
}

// sandboxFlag is an option that may have a value and need not.
type sandboxFlag struct {
	engine string
	set    bool
}

func (f *sandboxFlag) Set(s string) error {
	switch s {
	case "true", "auto":
		s = "auto"
	case "citus", "stand-in":
	default:
		return fmt.Errorf("%q is no engine of a sandbox; there are citus and stand-in", s)
	}
	f.engine, f.set = s, true
	return nil
}

func (f *sandboxFlag) String() string   { return f.engine }
func (f *sandboxFlag) IsBoolFlag() bool { return true }

// runOptions is the checked command line of run.
type runOptions struct {
	book     book
	dsn      string
	sandbox  *sandboxFlag
	pgBin    string
	vars     map[string]string
	tags     []string
	from     string
	lockWait time.Duration
	output   string
	verbose  bool
	dir      string
}

func runOptionsOf(c *cli.Context) (*runOptions, error) {
	if c.NArg() != 1 {
		return nil, usagef("run takes one runbook, and %d were given; for example: runbook run tailspin --sandbox", c.NArg())
	}
	o := &runOptions{
		book: locate(c.Args().First()), dsn: c.String("dsn"), sandbox: c.Generic("sandbox").(*sandboxFlag), pgBin: c.String("pg-bin"),
		lockWait: c.Duration("wait-lock"), from: c.String("from"), output: c.String("output"), verbose: c.Bool("verbose"), dir: c.String("dir"),
	}
	for _, list := range c.StringSlice("tags") {
		o.tags = append(o.tags, strings.Split(list, ",")...)
	}
	var err error
	if o.vars, err = variables(c.StringSlice("vars-file"), c.StringSlice("var")); err != nil {
		return nil, err
	}
	return o, o.check()
}

// check looks at what must hold before anything is read.
func (o *runOptions) check() error {
	if !slices.Contains([]string{"auto", "plain", "jsonl"}, o.output) {
		return usagef("--output is auto, plain or jsonl, not %q", o.output)
	}
	return o.target()
}

// target fills in the environment's connection string.
func (o *runOptions) target() error {
	switch {
	case o.sandbox.set && o.dsn != "":
		return usagef("--sandbox makes a target of its own; leave --dsn out")
	case o.sandbox.set:
		return nil
	case o.pgBin != "":
		return usagef("--pg-bin is for --sandbox")
	case o.dsn == "":
		o.dsn = os.Getenv("DATABASE_URL")
	}
	if o.dsn == "" && os.Getenv("PGHOST") == "" && os.Getenv("PGSERVICE") == "" && os.Getenv("PGDATABASE") == "" {
		return usagef("no target: give --dsn URL, set DATABASE_URL, or rehearse with --sandbox")
	}
	return nil
}

// variables reads the overrides; what comes later goes before what came
// earlier.
func variables(files, settings []string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("read variables: %s", err)
		}
		given, problems := syntax.ParseMap(name, src)
		if problems != nil {
			return nil, &problemsError{problems: problems, sources: map[string]*syntax.Source{name: syntax.NewSource(name, src)}}
		}
		maps.Copy(out, given)
	}
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usagef("--var wants NAME=VALUE, not %q", s)
		}
		out[name] = value
	}
	return out, nil
}

func (o *runOptions) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	c := check(o.book)
	if c.plan == nil {
		return &problemsError{problems: c.problems, sources: c.sources}
	}
	plan := c.plan
	var setup *engine.Plan
	if o.sandbox.set && plan.Setup != "" {
		if setup, err = loadSetup(o.book, plan.Setup); err != nil {
			return err
		}
	}
	if err := override(o.vars, plan, setup); err != nil {
		return err
	}
	if o.from != "" && !plan.HasStep(o.from) {
		return usagef("--from: no step has the id %q", o.from)
	}
	info := engine.RunInfo{ID: journal.NewID(time.Now(), rand.Reader), Started: time.Now(), Sandbox: o.sandbox.set}
	dsn := o.dsn
	if o.sandbox.set {
		box, err := o.start(ctx, plan.Workers, stderr)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, box.Stop()) }()
		dsn = box.DSN()
		info.Coordinator, info.Workers = nodeOf(box.Coordinator()), nodesOf(box.Workers())
	}
	target, err := postgres.ParseTarget(dsn)
	if err != nil {
		return usagef("--dsn: %s", err)
	}
	c.mention(stderr, o.book.shown)
	j, err := journal.Create(o.dir, info.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	leaving := &leaving{}
	leaveWith(ctx, leaving.tell)
	out := event.NewStream(event.NewMask([]string{target.Password()}), time.Now, j, leaving, o.sink(stdout))
	conns := engine.NewConnections(target, "runbook/"+info.ID)
	defer closeQuietly(ctx, conns)
	options := engine.Options{Info: info, Tags: o.tags, From: o.from, LockWait: o.lockWait}
	if setup != nil {
		options.Before = setup
	}
	return told(plan.Run(ctx, conns, out, options))
}

// told marks what the run's own output has shown: all but a run that did not
// begin.
func told(err error) error {
	var start *engine.StartError
	if err == nil || errors.As(err, &start) {
		return err
	}
	return &toldError{err}
}

// start makes the sandbox and says so on standard error, where it is in no
// one's way.
func (o *runOptions) start(ctx context.Context, workers int, stderr io.Writer) (*sandbox.Sandbox, error) {
	began := time.Now()
	box, err := sandbox.Start(ctx, sandbox.Options{Engine: o.sandbox.engine, Workers: workers, BinDir: o.pgBin})
	if err != nil {
		if ctx.Err() != nil {
			return nil, engine.ErrInterrupted
		}
		return nil, fmt.Errorf("%w: %w", engine.ErrNotReady, err)
	}
	fmt.Fprintf(stderr, "sandbox: %s (%.1f s)\n", box.Banner(), time.Since(began).Seconds())
	return box, nil
}

func nodeOf(n sandbox.Node) engine.Node { return engine.Node{Host: n.Host, Port: n.Port} }

func nodesOf(list []sandbox.Node) []engine.Node {
	out := make([]engine.Node, len(list))
	for i, n := range list {
		out[i] = nodeOf(n)
	}
	return out
}

// sink is what the user sees.
func (o *runOptions) sink(stdout io.Writer) event.Sink {
	if o.output == "jsonl" {
		return report.NewJSONLines(stdout)
	}
	options := report.PlainOptions{Verbose: o.verbose}
	if f, ok := stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		options.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			options.Width = width
		}
	}
	return report.NewPlain(stdout, options)
}

// override gives each variable to the plan that has it: the runbook, its setup,
// or both. A name that neither knows is a mistake.
func override(vars map[string]string, plan, setup *engine.Plan) error {
	unknown, err := plan.Override(vars)
	if err != nil {
		return usagef("%s", err)
	}
	known := plan.Vars()
	if setup != nil {
		not, err := setup.Override(vars)
		if err != nil {
			return usagef("%s", err)
		}
		unknown = slices.DeleteFunc(unknown, func(name string) bool { return !slices.Contains(not, name) })
		known = append(known, setup.Vars()...)
	}
	if len(unknown) == 0 {
		return nil
	}
	message := fmt.Sprintf("the runbook has no variable %q", unknown[0])
	if hint := syntax.DidYouMean(unknown[0], known); hint != "" {
		return usagef("%s; %s", message, hint)
	}
	slices.Sort(known)
	return usagef("%s; it has: %s", message, strings.Join(slices.Compact(known), ", "))
}
