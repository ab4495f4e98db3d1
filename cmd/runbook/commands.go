package main

import (
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// commands lists what the program can do, in the order of its help.
func commands(stdout, stderr io.Writer) []*cli.Command {
	list := []*cli.Command{
		runCommand(stdout, stderr),
		resumeCommand(stdout),
		ledgerCommand(stdout),
		runsCommand(stdout),
		planCommand(stdout),
		validateCommand(stdout, stderr),
		explainCommand(stdout),
		newCommand(stdout),
		actionsCommand(stdout),
		schemaCommand(stdout),
		completionCommand(stdout),
		versionCommand(stdout),
		completeCommand(stdout),
	}
	for _, c := range list {
		c.OnUsageError = onUsageError // the app's own is not asked for the flags of a command
		c.HideHelpCommand = true
	}
	return list
}

// permute moves options before the other arguments of a command: urfave/cli
// stops at the first argument that is no option, and would take `run book.yaml
// --sandbox` for a real run with a strange second argument.
func permute(commands []*cli.Command, args []string) []string {
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return len(args) > 1 && c.HasName(args[1]) })
	if i < 0 || commands[i].SkipFlagParsing {
		return args
	}
	valued := map[string]bool{}
	for _, f := range commands[i].Flags {
		for _, name := range f.Names() {
			valued[name] = takesValue(f)
		}
	}
	var options, rest []string
	for in := args[2:]; len(in) > 0; in = in[1:] {
		arg := in[0]
		if arg == "--" {
			rest = append(rest, in[1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = append(rest, arg)
			continue
		}
		options = append(options, arg)
		if valued[strings.TrimLeft(arg, "-")] && len(in) > 1 {
			in = in[1:]
			options = append(options, in[0])
		}
	}
	out := append(slices.Clone(args[:2]), options...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out
}
