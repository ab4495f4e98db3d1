package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"runbook/schemas"
)

func schemaCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of runbooks, for an editor",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("schema takes no arguments")
			}
			_, err := io.WriteString(stdout, schemas.Runbook)
			return err
		},
	}
}
