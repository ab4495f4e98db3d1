package main

import (
	"embed"
	"io"
	"slices"

	"github.com/urfave/cli/v2"
)

//go:embed completion
var completionScripts embed.FS

// completionCommand prints what makes a shell ask completeCommand.
func completionCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completion script of a shell; its first lines say how to load it",
		ArgsUsage: "bash|zsh|fish",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 || !slices.Contains([]string{"bash", "zsh", "fish"}, c.Args().First()) {
				return usagef("completion takes a shell: bash, zsh or fish")
			}
			script, err := completionScripts.ReadFile("completion/runbook." + c.Args().First())
			if err != nil {
				return err
			}
			_, err = stdout.Write(script)
			return err
		},
	}
}
