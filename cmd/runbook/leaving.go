package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"runbook/engine/event"
)

// leaving is the sink that knows what a run would leave if the program went away
// now: what a second Ctrl-C says.
type leaving struct {
	mu      sync.Mutex
	run     event.RunStarted
	running []event.StatementStarted
	owed    []string
	earlier bool // running is of an earlier process, which the run waits for before its first step
}

func (l *leaving) Write(r event.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e := r.Event.(type) {
	case event.RunStarted:
		l.run = e
	case event.StepStarted, event.StepSkipped:
		if l.earlier {
			l.running, l.earlier = nil, false
		}
	case event.StatementStarted:
		l.running = append(l.running, e)
	case event.StatementFinished:
		l.running = slices.DeleteFunc(l.running, func(s event.StatementStarted) bool {
			return s.Connection == e.Connection && s.PID == e.PID
		})
	case event.ObligationOpened:
		l.settle(e.Obligation.ID)
		l.owed = append(l.owed, e.Obligation.ID)
	case event.ObligationClosed:
		l.settle(e.ID)
	}
	return nil
}

func (l *leaving) settle(id string) {
	l.owed = slices.DeleteFunc(l.owed, func(o string) bool { return o == id })
}

// tell says it.
func (l *leaving) tell(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.run.Run == "":
		fmt.Fprintln(w, "  the run had not begun")
		return
	case l.run.Sandbox:
		fmt.Fprintln(w, "  the sandbox goes too")
		return
	}
	for _, s := range l.running {
		fmt.Fprintf(w, "  may still run: backend %d on connection %s: %s\n", s.PID, s.Connection, strings.Join(strings.Fields(s.SQL), " "))
	}
	if len(l.running) == 0 {
		fmt.Fprintln(w, "  no statement that changes something was under way")
	}
	for _, id := range l.owed {
		fmt.Fprintf(w, "  owed: %s\n", id)
	}
	fmt.Fprintf(w, "  next: runbook resume %s\n", l.run.Run)
}

// lastWords are what the program says when it leaves at once. The command that
// runs knows them, the signals' handler says them.
type lastWords struct {
	mu   sync.Mutex
	tell func(io.Writer)
}

type lastWordsKey struct{}

// leaveWith makes tell the last words of the program of ctx.
func leaveWith(ctx context.Context, tell func(io.Writer)) {
	if words, ok := ctx.Value(lastWordsKey{}).(*lastWords); ok {
		words.mu.Lock()
		defer words.mu.Unlock()
		words.tell = tell
	}
}

func (words *lastWords) say(w io.Writer) {
	words.mu.Lock()
	defer words.mu.Unlock()
	if words.tell != nil {
		words.tell(w)
	}
}
