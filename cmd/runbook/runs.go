package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"runbook/engine/event"
	"runbook/engine/journal"
)

func runsCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:  "runs",
		Usage: "list the runs that have a journal, the newest first, with what to do next",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Value: ".runbook", Usage: "the `DIR` that journals of runs are kept in"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("runs takes no argument, and %d were given", c.NArg())
			}
			return listRuns(stdout, c.String("dir"), time.Now())
		},
	}
}

func listRuns(w io.Writer, dir string, now time.Time) error {
	ids, err := journal.Runs(dir)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		_, err := fmt.Fprintf(w, "there is no run in %s\n", dir)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tSTATE\tLAST RECORD\tRUNBOOK\tTARGET\tNEXT")
	for _, id := range ids {
		records, err := readRun(dir, id)
		past := journal.Fold(records)
		switch {
		case err != nil:
			fmt.Fprintf(table, "%s\tunreadable\t\t\t\t%s\n", id, err)
		case past.Run == nil:
			fmt.Fprintf(table, "%s\tnever began\t\t\t\t\n", id)
		default:
			state, next := standing(&past)
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", id, state, ago(now.Sub(past.Updated)), past.Run.Runbook, past.Run.Target, next)
		}
	}
	return table.Flush()
}

// standing says in which state a run is and which command goes on with it.
func standing(past *journal.State) (state, next string) {
	id := past.Run.Run
	resume := "runbook resume " + id
	switch {
	case past.End == nil && len(past.InDoubt()) > 0:
		state, next = "running, or killed and in doubt", resume
	case past.End == nil:
		state, next = "running or killed", resume
	case past.End.Status == event.Unknown:
		state, next = "in doubt", resume
	case past.End.Status == event.Done:
		state = "done"
	default:
		state, next = string(past.End.Status), resume
	}
	if past.Run.Sandbox {
		return state + ", a rehearsal", ""
	}
	if n := len(past.Ledger); n > 0 {
		state += fmt.Sprintf(", owes %d", n)
		if past.End != nil {
			next = "runbook ledger restore " + id
		}
	}
	return state, next
}

// ago is an age in its largest unit.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}
