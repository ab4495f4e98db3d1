package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"
)

// firstRunbook is what `runbook new` writes: {{name}} and {{file}} are filled in.
//
//go:embed new.yaml
var firstRunbook string

func newCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "new",
		Usage:     "write a small commented runbook to begin with",
		ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Usage: "replace a file that is there"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("new takes one name; for example: runbook new add-note")
			}
			file, err := newRunbook(c.Args().First(), c.Bool("force"))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(stdout, "%s written; rehearse it with: runbook run %s --sandbox\n", file, file)
			return err
		},
	}
}

var runbookName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// newRunbook writes NAME.yaml. The name may have directories before it.
func newRunbook(path string, force bool) (string, error) {
	path = strings.TrimSuffix(path, ".yaml")
	name := filepath.Base(path)
	switch {
	case !runbookName.MatchString(name):
		return "", usagef("%q cannot be the name of a runbook: it has letters, digits, - and _, and begins with a letter", name)
	case isShipped(path):
		return "", usagef("%q is a runbook that ships with the program; choose another name", name)
	}
	file := path + ".yaml"
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return "", usagef("%s is there already; --force replaces it", file)
	}
	if err != nil {
		return "", usagef("write the runbook: %s", err)
	}
	_, err = strings.NewReplacer("{{name}}", name, "{{file}}", file).WriteString(f, firstRunbook)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("write the runbook: %w", err)
	}
	return file, nil
}

func isShipped(name string) bool {
	_, ok := shippedName(name)
	return ok
}
