// Command runbook runs migrations of live PostgreSQL and Citus databases from
// YAML runbooks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"runbook/engine"
	"runbook/engine/syntax"
)

// The exit codes, which scripts can rely on.
const (
	exitDone        = 0
	exitFailed      = 1   // a step failed
	exitUsage       = 2   // the runbook or the command line is wrong
	exitNotReady    = 3   // cannot connect, preflight findings
	exitInDoubt     = 4   // it is not known whether something happened: a person must decide
	exitInterrupted = 130 // Ctrl-C or SIGTERM
)

func main() {
	ctx, stop := withSignals(context.Background(), os.Stderr)
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// withSignals ends the context at the first Ctrl-C or SIGTERM, so that the run
// cancels through the server and cleans up; at the second the program leaves at
// once and says so.
func withSignals(parent context.Context, stderr io.Writer) (context.Context, func()) {
	words := &lastWords{}
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, lastWordsKey{}, words))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, open := <-signals; !open {
			return
		}
		fmt.Fprintln(stderr, "\ninterrupted: cancelling on the server and cleaning up; press Ctrl-C again to leave at once")
		cancel(engine.ErrInterrupted)
		if _, open := <-signals; !open {
			return
		}
		fmt.Fprintln(stderr, "left at once, without waiting for the server and without the rest of the clean-up")
		words.say(stderr)
		os.Exit(exitInterrupted)
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}

// usageError is a wrong command line.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// problemsError is a wrong runbook, with the texts to show.
type problemsError struct {
	problems syntax.Problems
	sources  map[string]*syntax.Source
	told     bool // they have been shown
}

func (e *problemsError) Error() string { return e.problems.Error() }

// tell shows the problems, if that was not done yet.
func (e *problemsError) tell(stderr io.Writer) {
	if e.told {
		return
	}
	_ = e.problems.Sort().Print(stderr, e.sources)
	fmt.Fprintf(stderr, "\n%s, no connection made\n", bySeverity(e.problems))
}

// bySeverity counts problems: "2 errors, 1 warning".
func bySeverity(ps syntax.Problems) string {
	var out []string
	if n := len(ps.Errors().Sort()); n > 0 {
		out = append(out, counted(n, "error"))
	}
	if n := len(ps.Warnings().Sort()); n > 0 {
		out = append(out, counted(n, "warning"))
	}
	return strings.Join(out, ", ")
}

// run is the program without the process: arguments in, exit code out.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := &cli.App{
		Name:                      "runbook",
		Usage:                     "run migrations of live PostgreSQL and Citus databases from YAML runbooks",
		Commands:                  commands(stdout, stderr),
		Writer:                    stdout,
		ErrWriter:                 stderr,
		Suggest:                   true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // exit codes are decided below, after clean-up
		OnUsageError:              onUsageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.App, c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	return exitCode(app.RunContext(ctx, permute(app.Commands, args)), stderr)
}

// onUsageError says in the program's words what the option parser found.
func onUsageError(c *cli.Context, err error, _ bool) error {
	message := err.Error()
	if name, ok := strings.CutPrefix(message, "flag provided but not defined: -"); ok {
		var names []string
		for _, f := range c.Command.Flags {
			names = append(names, f.Names()...)
		}
		name = strings.TrimLeft(name, "-")
		if near := syntax.Nearest(name, names); near != "" {
			return usagef("there is no option --%s; did you mean --%s?", name, near)
		}
		return usagef("there is no option --%s; `runbook %s --help` lists them", name, c.Command.Name)
	}
	if name, ok := strings.CutPrefix(message, "flag needs an argument: -"); ok {
		return usagef("--%s needs a value", strings.TrimLeft(name, "-"))
	}
	if m := badValue.FindStringSubmatch(message); m != nil {
		return usagef("--%s: %s", m[1], m[2])
	}
	return &usageError{message}
}

var badValue = regexp.MustCompile(`^invalid (?:boolean )?value ".*" for (?:flag )?-+([\w-]+): (.*)$`)

func unknownCommand(app *cli.App, name string) error {
	names := make([]string, 0, len(app.Commands))
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	if hint := syntax.DidYouMean(name, names); hint != "" {
		return usagef("there is no command %q; %s", name, hint)
	}
	return usagef("there is no command %q; `runbook help` lists them", name)
}

// exitCode says what went wrong, unless the run has said it already, and how
// the program ends.
func exitCode(err error, stderr io.Writer) int {
	var usage *usageError
	var problems *problemsError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &problems):
		problems.tell(stderr)
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "runbook: %s\n", err)
		return exitUsage
	}
	var start *engine.StartError
	var fault *engine.Fault
	if errors.As(err, &start) && errors.As(err, &fault) { // a variable that the environment should have given
		fmt.Fprintf(stderr, "%s:%d:%d: %s\n%s", fault.Place.File, fault.Place.Line, fault.Place.Col, err, fault.Excerpt)
		return exitUsage
	}
	var told *toldError
	if !errors.As(err, &told) {
		fmt.Fprintf(stderr, "runbook: %s\n", err)
	}
	switch {
	case errors.Is(err, engine.ErrInterrupted):
		return exitInterrupted
	case errors.Is(err, engine.ErrInDoubt):
		return exitInDoubt
	case errors.Is(err, engine.ErrNotReady):
		return exitNotReady
	default:
		return exitFailed
	}
}

// toldError is an error that the run's own output has shown.
type toldError struct{ err error }

func (e *toldError) Error() string { return e.err.Error() }
func (e *toldError) Unwrap() error { return e.err }

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
