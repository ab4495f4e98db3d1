package runbook_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/syntax"
)

// pages are those whose examples are held to the program.
var pages = []string{"README.md", "CONTRIBUTING.md", "docs/design.md", "docs/language.md"}

// block is a fenced block of a page.
type block struct {
	page string
	line int // of its first line
	info string
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

func blocks(t *testing.T) []block {
	t.Helper()
	var out []block
	for _, page := range pages {
		src, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllSubmatchIndex(src, -1) {
			out = append(out, block{
				page: page, line: strings.Count(string(src[:m[4]]), "\n") + 1,
				info: string(src[m[2]:m[3]]), text: string(src[m[4]:m[5]]),
			})
		}
	}
	return out
}

// TestExamples compiles every block of YAML. One that is a part of a runbook is
// completed to a whole one.
func TestExamples(t *testing.T) {
	for _, b := range blocks(t) {
		if b.info != "yaml" {
			continue
		}
		t.Run(b.String(), func(t *testing.T) {
			rb, problems := syntax.Parse(b.String(), []byte(whole(b.text)))
			if rb != nil && problems == nil {
				_, problems = engine.Compile(rb, actions.All(), engine.Files{FS: os.DirFS("runbooks"), Base: "."})
			}
			if problems = problems.Errors(); problems != nil {
				t.Errorf("%s\n\n%s", problems, whole(b.text))
			}
		})
	}
}

func whole(text string) string {
	if !regexp.MustCompile(`(?m)^runbook:`).MatchString(text) {
		if strings.HasPrefix(text, "- ") {
			text = "steps:\n" + text
		}
		text = "runbook: v1\n" + text
	}
	if !regexp.MustCompile(`(?m)^steps:`).MatchString(text) {
		text += "steps:\n  - sql: SELECT 1\n"
	}
	return text
}

var option = regexp.MustCompile(`(?:^|\s)(--?[a-z][a-z-]*)`)

// TestCommandLines looks up every command line `$ runbook …` in the program's
// help.
func TestCommandLines(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "runbook")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/runbook").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, b := range blocks(t) {
		for line := range strings.Lines(b.text) {
			_, command, ok := strings.Cut(line, "$ runbook ")
			if !ok || strings.HasPrefix(line, " ") {
				continue
			}
			command, _, _ = strings.Cut(command, "#")
			words := strings.Fields(command)
			help, err := exec.Command(bin, words[0], "--help").CombinedOutput()
			if err != nil {
				t.Errorf("%s: runbook %s: %v\n%s", b, words[0], err, help)
				continue
			}
			for _, o := range option.FindAllStringSubmatch(command, -1) {
				if !regexp.MustCompile(`\s` + o[1] + `\b`).Match(help) {
					t.Errorf("%s: runbook %s has no option %s", b, words[0], o[1])
				}
			}
		}
	}
}
