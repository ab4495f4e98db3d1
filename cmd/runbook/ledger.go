package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
)

func ledgerCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "ledger",
		Usage:     "show what a run took away and owes, bring it back, or give it up",
		ArgsUsage: "[RUN] | restore [RUN] | waive RUN NAME…",
		Description: "Without a word, the ledger of the run: what is open with the statement that brings it back, and what is closed.\n" +
			"restore brings back what is open, checks it in the catalog and puts it on record. waive closes entries\n" +
			"whose foreign key is to be gone, by the constraint's name.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "the target: the `URL` or keywords that the run began with"},
			&cli.DurationFlag{Name: "wait-lock", Usage: "how long to wait for a run of the runbook on the same database to end"},
			&cli.StringFlag{Name: "dir", Value: ".runbook", Usage: "the `DIR` that journals of runs are kept in"},
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			word := ""
			if len(args) > 0 && (args[0] == "restore" || args[0] == "waive") {
				word, args = args[0], args[1:]
			}
			o := &runOptions{dsn: c.String("dsn"), sandbox: &sandboxFlag{}, lockWait: c.Duration("wait-lock"), output: "plain", dir: c.String("dir")}
			switch {
			case word == "waive" && len(args) < 2:
				return usagef("ledger waive wants a run and the names of constraints; `runbook ledger` shows them")
			case word != "waive" && len(args) > 1:
				return usagef("ledger takes one run, and %d were given", len(args))
			}
			named := ""
			if len(args) > 0 {
				named = args[0]
			}
			run, err := owing(o.dir, named)
			if err != nil {
				return err
			}
			if word == "" {
				return showLedger(stdout, o.dir, run)
			}
			if err := o.check(); err != nil {
				return err
			}
			work := actions.RestoreOwed
			if word == "waive" {
				work = func(_ context.Context, env *engine.Env) error { return waive(env, args[1:]) }
			}
			return o.settle(c.Context, run, work, stdout)
		},
	}
}

// owing is the run whose ledger is meant: the named one, the newest with an open
// entry, or the newest.
func owing(dir, run string) (string, error) {
	if run != "" {
		return run, nil
	}
	runs, err := journal.Runs(dir)
	if err != nil {
		return "", err
	}
	for _, id := range runs {
		if records, err := readRun(dir, id); err == nil && len(journal.Fold(records).Ledger) > 0 {
			return id, nil
		}
	}
	return unfinished(dir, "")
}

// readRun reads a run's journal; a torn end is no error here.
func readRun(dir, run string) ([]event.Record, error) {
	path, err := journal.Path(dir, run)
	if err != nil {
		return nil, usagef("%s", err)
	}
	records, err := journal.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, usagef("there is no run %s in %s", run, dir)
	case errors.Is(err, journal.ErrTorn):
		return records, nil
	}
	return records, err
}

func showLedger(w io.Writer, dir, run string) error {
	records, err := readRun(dir, run)
	if err != nil {
		return err
	}
	past := journal.Fold(records)
	fmt.Fprintf(w, "run      %s\n", run)
	if past.Run != nil {
		fmt.Fprintf(w, "runbook  %s\ntarget   %s\n", past.Run.Runbook, past.Run.Target)
	}
	entries := journal.Ledger(records)
	if len(entries) == 0 {
		fmt.Fprintln(w, "ledger   empty: the run has taken nothing away")
		return nil
	}
	slices.SortStableFunc(entries, func(a, b *journal.Entry) int { return boolRank(b.Open()) - boolRank(a.Open()) })
	fmt.Fprintln(w)
	for _, e := range entries {
		showEntry(w, e)
	}
	if len(past.Ledger) > 0 {
		fmt.Fprintf(w, "\nnext     runbook ledger restore %s\n", run)
	}
	return nil
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// showEntry writes an entry; of an open one the statement too, which is never
// cut.
func showEntry(w io.Writer, e *journal.Entry) {
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
	switch {
	case e.Open():
		fmt.Fprintf(w, "OPEN     %s\n         dropped in step %s, %s; this brings it back:\n         %s;\n", e.ID, e.Step, stamp(e.Opened), strings.TrimRight(e.Restore, "; \n"))
	case e.Waived:
		fmt.Fprintf(w, "waived   %s  %s\n", e.ID, stamp(e.Closed))
	default:
		fmt.Fprintf(w, "back     %s  %s\n", e.ID, stamp(e.Closed))
	}
}

// settle lets work off what a run owes, in the run's own journal.
func (o *runOptions) settle(ctx context.Context, run string, work func(context.Context, *engine.Env) error, stdout io.Writer) (err error) {
	if _, err := readRun(o.dir, run); err != nil {
		return err
	}
	j, records, err := journal.Open(o.dir, run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	past := journal.Fold(records)
	switch {
	case past.Run == nil || len(past.Ledger) == 0:
		fmt.Fprintf(stdout, "run %s owes nothing\n", run)
		return nil
	case past.Run.Sandbox:
		return usagef("run %s was a rehearsal, and its sandbox is gone", run)
	}
	target, err := postgres.ParseTarget(o.dsn)
	if err != nil {
		return usagef("--dsn: %s", err)
	}
	told := &ledgerLines{w: stdout, open: len(past.Ledger)}
	out := event.NewStream(event.NewMask([]string{target.Password()}), time.Now, j, told)
	out.Continue(past.Seq)
	conns := engine.NewConnections(target, "runbook/"+run)
	defer closeQuietly(ctx, conns)
	if err := engine.Aside(ctx, conns, out, engine.Options{Info: engine.RunInfo{ID: run, Started: past.Began}, Past: &past, LockWait: o.lockWait}, work); err != nil {
		return err
	}
	if told.open > 0 {
		fmt.Fprintf(stdout, "\nopen  %s; `runbook ledger %s` shows what is left\n", counted(told.open, "object"), run)
		return nil
	}
	if past.End == nil || past.End.Status != event.Done {
		fmt.Fprintf(stdout, "\nnext  runbook resume %s\n", run)
	}
	return nil
}

// ledgerLines is the sink that tells a person what becomes of a ledger.
type ledgerLines struct {
	w    io.Writer
	open int

	phase string    // the last one told
	told  time.Time // and when
}

// stillAt is the time between two lines that tell of the same.
const stillAt = 10 * time.Second

func (l *ledgerLines) Write(r event.Record) error {
	var err error
	switch e := r.Event.(type) {
	case event.ObligationClosed:
		l.open--
		word := "back  "
		if e.Waived {
			word = "waived"
		}
		_, err = fmt.Fprintf(l.w, "%s  %s\n", word, e.ID)
	case event.StepRetrying:
		_, err = fmt.Fprintln(l.w, "wait    the tables are busy; trying again")
	case event.Progress:
		if e.Phase == l.phase && r.Time.Sub(l.told) < stillAt {
			return nil
		}
		l.phase, l.told = e.Phase, r.Time
		_, err = fmt.Fprintf(l.w, "wait    %s\n", e.Phase)
	}
	return err
}

// waive closes the entries of these constraints.
func waive(env *engine.Env, names []string) error {
	for _, name := range names {
		found, err := env.Waive(name)
		if err != nil {
			return err
		}
		if !found {
			return usagef("the run has no open entry of the name %q", name)
		}
	}
	return nil
}
