package main

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"runbook/actions"
	"runbook/docs"
	"runbook/engine/explain"
	"runbook/engine/journal"
	"runbook/engine/syntax"
	"runbook/runbooks"
)

// completeCommand is what the scripts of completionCommand ask: the words of a
// command line so far, the last of which is to be completed. It prints one
// candidate a line, with a tab and a description where there is one.
//
// What an option or an argument takes is read from the help that users see: the
// `WORD` in an option's text, the alternatives at its end, the ArgsUsage of the
// command. There is no second list to forget.
//
// Note: urfave/cli's own --generate-bash-completion completes commands and
// options only, and looks at the last argument of any command line, so that
// `run x --generate-bash-completion` does not run.
func completeCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "__complete",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			line := newCommandLine(c.App.VisibleCommands(), c.Args().Slice())
			for _, candidate := range line.candidates() {
				if strings.HasPrefix(candidate.word, line.last) && !strings.ContainsAny(candidate.word, "\n\t") {
					if _, err := fmt.Fprintln(stdout, candidate); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// candidate is what a word could be, and what that means.
type candidate struct{ word, meaning string }

func (c candidate) String() string {
	if c.meaning == "" {
		return c.word
	}
	return c.word + "\t" + strings.ReplaceAll(c.meaning, "`", "")
}

// commandLine is what stands before the cursor.
type commandLine struct {
	commands []*cli.Command
	command  *cli.Command // nil: not there yet, or no such command
	values   map[string]string
	args     []string // before the last word, options left out
	option   cli.Flag // whose value the last word is
	only     bool     // -- was there: no options any more
	last     string
}

func newCommandLine(commands []*cli.Command, words []string) *commandLine {
	line := &commandLine{commands: commands, values: map[string]string{}}
	if len(words) == 0 {
		return line
	}
	line.last = words[len(words)-1]
	for _, word := range words[:len(words)-1] {
		line.read(word)
	}
	return line
}

// read takes one word that is complete.
func (l *commandLine) read(word string) {
	switch name, value, given := strings.Cut(word, "="); {
	case l.option != nil:
		l.values[l.option.Names()[0]] = word
		l.option = nil
	case word == "--":
		l.only = true
	case l.only || l.command == nil || len(word) < 2 || word[0] != '-':
		l.argument(word)
	default:
		switch f := l.flag(name); {
		case f == nil:
		case given:
			l.values[f.Names()[0]] = value
		case takesValue(f):
			l.option = f
		}
	}
}

// argument takes a word that is no option: a command, or what one works on.
func (l *commandLine) argument(word string) {
	among := l.commands
	if l.command != nil {
		among = l.command.Subcommands
	}
	if i := slices.IndexFunc(among, func(c *cli.Command) bool { return c.HasName(word) }); i >= 0 && len(l.args) == 0 {
		l.command = among[i]
		return
	}
	l.args = append(l.args, word)
}

// flag finds an option by its name with the dashes.
func (l *commandLine) flag(name string) cli.Flag {
	name = strings.TrimLeft(name, "-")
	i := slices.IndexFunc(l.command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return nil
	}
	return l.command.Flags[i]
}

// takesValue says whether an option's value is the word after it.
func takesValue(f cli.Flag) bool {
	switch f.(type) {
	case *cli.BoolFlag, *cli.GenericFlag: // --sandbox and --sandbox=citus
		return false
	}
	return true
}

// candidates are all that may stand at the last word.
func (l *commandLine) candidates() []candidate {
	switch {
	case l.option != nil:
		return l.valuesOf(l.option)
	case l.command == nil && len(l.args) == 0:
		return commandNames(l.commands)
	case l.command == nil:
		return nil // after a word that is no command
	case l.only || !strings.HasPrefix(l.last, "-"):
		return l.arguments()
	}
	name, _, given := strings.Cut(l.last, "=")
	if !given {
		return l.options()
	}
	f := l.flag(name)
	if f == nil {
		return nil
	}
	full := l.last
	l.last = full[len(name)+1:]
	out := l.valuesOf(f)
	for i := range out {
		out[i].word = name + "=" + out[i].word
	}
	l.last = full
	return out
}

func commandNames(commands []*cli.Command) []candidate {
	var out []candidate
	for _, c := range commands {
		if !c.Hidden {
			out = append(out, candidate{c.Name, c.Usage})
		}
	}
	return out
}

// options are those of the command that are not given yet, or may be again.
func (l *commandLine) options() []candidate {
	var out []candidate
	for _, f := range l.command.Flags {
		if hidden, ok := f.(cli.VisibleFlag); ok && !hidden.IsVisible() {
			continue
		}
		_, again := f.(*cli.StringSliceFlag)
		if _, given := l.values[f.Names()[0]]; !given || again {
			out = append(out, candidate{"--" + f.Names()[0], usageOf(f)})
		}
	}
	return append(out, candidate{"--help", "show what the command takes"})
}

func usageOf(f cli.Flag) string {
	if documented, ok := f.(cli.DocGenerationFlag); ok {
		return documented.GetUsage()
	}
	return ""
}

var (
	placeholder  = regexp.MustCompile("`([^`]+)`")
	alternatives = regexp.MustCompile(`: ((?:[a-z-]+, )*[a-z-]+ or [a-z-]+)$`)
)

// valuesOf are the values of an option, by what its help says.
func (l *commandLine) valuesOf(f cli.Flag) []candidate {
	if _, ok := f.(*cli.GenericFlag); ok && f.Names()[0] == "sandbox" {
		return []candidate{{word: "citus"}, {word: "stand-in"}}
	}
	usage := usageOf(f)
	if m := alternatives.FindStringSubmatch(usage); m != nil {
		return words(strings.Split(strings.ReplaceAll(m[1], " or ", ", "), ", "))
	}
	m := placeholder.FindStringSubmatch(usage)
	if m == nil {
		return nil
	}
	switch m[1] {
	case "DIR":
		return files(l.last, false)
	case "FILE":
		return files(l.last, true)
	case "ID":
		return stepIDs(l.runbook())
	case "TAGS":
		return l.tags()
	case "NAME=VALUE":
		return variableNames(l.runbook())
	}
	return nil
}

func words(list []string) []candidate {
	out := make([]candidate, len(list))
	for i, word := range list {
		out[i].word = word
	}
	return out
}

// arguments are what the command works on, by what its help says.
func (l *commandLine) arguments() []candidate {
	if len(l.command.Subcommands) > 0 {
		return commandNames(l.command.Subcommands)
	}
	usage := l.command.ArgsUsage
	switch several := strings.HasSuffix(usage, "…"); {
	case len(l.args) > 0 && !several:
		return nil
	case strings.HasPrefix(usage, "FILE|NAME"):
		return append(shippedRunbooks(), files(l.last, true)...)
	case strings.HasPrefix(usage, "FILE"):
		return files(l.last, true)
	case usage == "[RUN]" || usage == "RUN":
		runs, err := journal.Runs(cmp.Or(l.values["dir"], ".runbook"))
		if err != nil {
			return nil // completion has no place to say it
		}
		return words(runs)
	case l.command.Name == "actions":
		return actionNames()
	case l.command.Name == "explain":
		return problemCodes()
	case usage != "" && usage == strings.ToLower(usage):
		return words(strings.Split(usage, "|"))
	}
	return nil
}

func actionNames() []candidate {
	var out []candidate
	for _, a := range actions.All() {
		summary, _ := docs.Summary(a.Name)
		out = append(out, candidate{a.Name, summary})
	}
	return out
}

func problemCodes() []candidate {
	var out []candidate
	for _, p := range explain.All() {
		out = append(out, candidate{p.Code, p.Title})
	}
	return out
}

func shippedRunbooks() []candidate {
	names, err := fs.Glob(runbooks.FS, "*.yaml")
	if err != nil {
		return nil
	}
	var out []candidate
	for _, name := range names {
		out = append(out, candidate{strings.TrimSuffix(name, ".yaml"), "ships with runbook"})
	}
	return out
}

// files are the directories, and the YAML files if they are wanted, that a path
// may go on with.
func files(path string, yaml bool) []candidate {
	dir, base := filepath.Split(path)
	read := cmp.Or(dir, ".")
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(dir, "~/") {
		read = filepath.Join(home, dir[1:])
	}
	entries, err := os.ReadDir(read)
	if err != nil {
		return nil
	}
	var out []candidate
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(base, ".") {
			continue
		}
		info, err := os.Stat(filepath.Join(read, name)) // follows links
		if err != nil {
			continue
		}
		ext := filepath.Ext(name)
		switch {
		case info.IsDir():
			out = append(out, candidate{word: dir + name + "/"})
		case yaml && (ext == ".yaml" || ext == ".yml"):
			out = append(out, candidate{word: dir + name})
		}
	}
	return out
}

// runbook is the one that the command line names, as far as it can be read.
func (l *commandLine) runbook() *syntax.Runbook {
	if len(l.args) == 0 {
		return &syntax.Runbook{}
	}
	b := locate(l.args[0])
	src, problems := syntax.ReadFile(b.files.FS, b.name, b.shown)
	if problems != nil {
		return &syntax.Runbook{}
	}
	if rb, _ := syntax.Parse(b.shown, src); rb != nil {
		return rb
	}
	return &syntax.Runbook{}
}

func variableNames(rb *syntax.Runbook) []candidate {
	var out []candidate
	for _, f := range rb.Vars {
		meaning := ""
		secret := slices.ContainsFunc(rb.Secrets, func(n *syntax.Node) bool { return n.Text == f.Key.Text })
		if f.Value.Kind == syntax.Scalar && !secret {
			meaning = "is " + f.Value.Text
		}
		out = append(out, candidate{f.Key.Text + "=", meaning})
	}
	return out
}

// walkSteps calls visit for the steps that a run could begin with: those of the
// runbook's own list and of its groups.
func walkSteps(steps []*syntax.Step, visit func(*syntax.Step)) {
	for _, s := range steps {
		visit(s)
		if s.Group != nil {
			walkSteps(s.Group.Steps, visit)
		}
	}
}

func stepIDs(rb *syntax.Runbook) []candidate {
	var out []candidate
	walkSteps(rb.Steps, func(s *syntax.Step) {
		if s.ID == nil {
			return
		}
		meaning := ""
		if s.Name != nil {
			meaning = s.Name.Text
		}
		out = append(out, candidate{s.ID.Text, meaning})
	})
	return out
}

// tags goes on after the last comma.
func (l *commandLine) tags() []candidate {
	before := l.last[:strings.LastIndexByte(l.last, ',')+1]
	var found []string
	walkSteps(l.runbook().Steps, func(s *syntax.Step) {
		for _, t := range s.Tags {
			found = append(found, before+t.Text)
		}
	})
	slices.Sort(found)
	return words(slices.Compact(found))
}
