//go:build linux || darwin

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
)

// program is the test binary as the program, in dir, on the database of dsn.
func program(ctx context.Context, dir, dsn string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DATABASE_URL="+dsn, child+"=NEVER 0")
	return cmd
}

// inDir runs the program to its end.
func inDir(dir, dsn string, args ...string) (said []byte, err error) {
	return program(context.Background(), dir, dsn, args...).CombinedOutput()
}

// saidBy is what a program says once it runs, whole when it has ended.
func saidBy(cmd *exec.Cmd) *bytes.Buffer {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	return &said
}

// codeOf is the exit code of a program: 0 too where it could not be started, and
// -1 where a signal ended it.
func codeOf(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
