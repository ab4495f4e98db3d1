//go:build linux || darwin

package main

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A life is killed by itself, at a record of its journal, or from outside.

// dieAt runs until the process kills itself at a record. It says whether it came
// to that.
func (l *life) dieAt(t *testing.T, side string, at int) bool {
	t.Helper()
	cmd := program(context.Background(), l.dir, l.dsn, append([]string{"book.yaml"}, l.vars...)...)
	cmd.Env = append(cmd.Env, child+"="+side+" "+strconv.Itoa(at))
	said, err := cmd.CombinedOutput()
	return l.killed(t, said, err)
}

// dieAfter runs and is killed from outside after a time.
func (l *life) dieAfter(t *testing.T, d time.Duration, args ...string) bool {
	t.Helper()
	return l.dieOf(t, args, func(kill func()) (disarm func()) {
		timer := time.AfterFunc(d, kill)
		return func() { timer.Stop() }
	})
}

// dieWhen runs and is killed from outside some time after the journal says that a
// statement with the text was sent.
func (l *life) dieWhen(t *testing.T, text string, later time.Duration) bool {
	t.Helper()
	return l.dieOf(t, l.runArgs(), func(kill func()) (disarm func()) {
		return l.whenSent(text, later, kill)
	})
}

// dieOf runs with something under way that kills it.
func (l *life) dieOf(t *testing.T, args []string, arm func(kill func()) (disarm func())) bool {
	t.Helper()
	cmd := program(context.Background(), l.dir, l.dsn, args...)
	said := saidBy(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	disarm := arm(func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer disarm()
	err := cmd.Wait() // the output is whole only then
	return l.killed(t, said.Bytes(), err)
}

func (l *life) killed(t *testing.T, said []byte, err error) bool {
	t.Helper()
	if err == nil {
		return false
	}
	if codeOf(err) == exitInDoubt {
		return false // a person is asked before the time to die has come
	}
	if !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v\n%s", err, said)
		return false
	}
	l.kills++
	return true
}

// whenSent calls do some time after the journal says that a statement with the
// text was sent, unless stop was called before. When stop returns, do is over.
func (l *life) whenSent(text string, later time.Duration, do func()) (stop func()) {
	stopped, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for !l.sent(text) {
			select {
			case <-stopped:
				return
			case <-time.After(time.Millisecond):
			}
		}
		time.Sleep(later)
		do()
	}()
	return func() { close(stopped); <-over }
}
