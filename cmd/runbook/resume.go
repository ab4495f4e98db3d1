package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
)

func resumeCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "resume",
		Usage:     "go on with a run that was killed, interrupted or failed",
		ArgsUsage: "[RUN]",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "the target: the `URL` or keywords that the run began with"},
			&cli.StringSliceFlag{Name: "assume", Usage: "say what became of a step in doubt: `STEP=done` or STEP=not-done"},
			&cli.StringSliceFlag{Name: "var", Usage: "give a variable anew: `NAME=VALUE`; secrets must be"},
			&cli.StringFlag{Name: "file", Usage: "the runbook's `FILE`, if it is not where the run began"},
		}, runningFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("resume takes one run, and %d were given", c.NArg())
			}
			o := &runOptions{
				dsn: c.String("dsn"), sandbox: &sandboxFlag{}, lockWait: c.Duration("wait-lock"),
				output: c.String("output"), verbose: c.Bool("verbose"), dir: c.String("dir"),
			}
			var err error
			if o.vars, err = variables(nil, c.StringSlice("var")); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			assume, err := assumptions(c.StringSlice("assume"))
			if err != nil {
				return err
			}
			return o.resume(c.Context, c.Args().First(), c.String("file"), assume, stdout)
		},
	}
}

func assumptions(given []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, a := range given {
		step, what, _ := strings.Cut(a, "=")
		switch what {
		case "done":
			out[step] = true
		case "not-done":
			out[step] = false
		default:
			return nil, usagef("--assume wants STEP=done or STEP=not-done, not %q", a)
		}
	}
	return out, nil
}

// unfinished is the run to go on with: the named one, or the newest.
func unfinished(dir, run string) (string, error) {
	if run != "" {
		return run, nil
	}
	runs, err := journal.Runs(dir)
	if err != nil {
		return "", err
	}
	if len(runs) == 0 {
		return "", usagef("there is no run in %s", dir)
	}
	return runs[0], nil
}

func (o *runOptions) resume(ctx context.Context, run, file string, assume map[string]bool, stdout io.Writer) (err error) {
	if run, err = unfinished(o.dir, run); err != nil {
		return err
	}
	j, records, err := journal.Open(o.dir, run)
	if errors.Is(err, os.ErrNotExist) {
		return usagef("there is no run %s in %s", run, o.dir)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	past := journal.Fold(records)
	switch {
	case past.Run == nil:
		return usagef("run %s was cut off before it began; start it anew", run)
	case past.End != nil && past.End.Status == event.Done:
		return usagef("run %s is done, there is nothing to resume", run)
	case past.Run.Sandbox:
		return usagef("run %s was a rehearsal, and its sandbox is gone; rehearse anew", run)
	}
	plan, err := o.planOf(&past, file)
	if err != nil {
		return err
	}
	target, err := postgres.ParseTarget(o.dsn)
	if err != nil {
		return usagef("--dsn: %s", err)
	}
	leaving := &leaving{}
	for _, r := range records {
		_ = leaving.Write(r) // what the run owes already; it cannot fail
	}
	leaving.earlier = true
	leaveWith(ctx, leaving.tell)
	out := event.NewStream(event.NewMask([]string{target.Password()}), time.Now, j, leaving, o.sink(stdout))
	out.Continue(past.Seq)
	conns := engine.NewConnections(target, "runbook/"+run)
	defer closeQuietly(ctx, conns)
	info := engine.RunInfo{ID: run, Started: past.Began, Resumed: true}
	return told(plan.Run(ctx, conns, out, engine.Options{
		Info: info, Tags: past.Run.Tags, From: past.Run.From, Past: &past, Assume: assume, LockWait: o.lockWait,
	}))
}

// planOf compiles the runbook of a run, with the variables that it had, and
// refuses one whose done steps were edited.
func (o *runOptions) planOf(past *journal.State, file string) (*engine.Plan, error) {
	if file == "" {
		file = past.Run.File
	}
	plan, err := load(locate(file))
	if err != nil {
		return nil, err
	}
	if err := override(o.vars, plan, nil); err != nil {
		return nil, err
	}
	if err := plan.Restore(past.Run.Vars); err != nil {
		return nil, usagef("%s", err)
	}
	if err := plan.Unchanged(past); err != nil {
		return nil, &usageError{fmt.Sprintf("%s; resume with the file as it was, or start a new run", err)}
	}
	return plan, nil
}

// closeQuietly ends the sessions of a run that is over; the server ends those
// that do not close.
func closeQuietly(ctx context.Context, conns *engine.Connections) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = conns.Close(ctx)
}
