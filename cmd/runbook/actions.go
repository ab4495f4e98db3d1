package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"runbook/actions"
)

func actionsCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:  "actions",
		Usage: "list the actions",
		Action: func(*cli.Context) error {
			for _, a := range actions.All() {
				fmt.Fprintln(stdout, a.Name)
			}
			return nil
		},
	}
}
