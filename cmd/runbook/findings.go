package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"runbook/engine/syntax"
)

// findings is what validate has found, and where it looked.
type findings struct {
	problems syntax.Problems // sorted
	sources  map[string]*syntax.Source
	files    int
	steps    int
	asked    string // the target that was asked too, "" for none
	began    time.Time
}

// verdict is what the exit code comes from.
func (f *findings) verdict(strict bool) error {
	if len(f.problems.Errors()) > 0 || strict && len(f.problems) > 0 {
		return &problemsError{problems: f.problems, told: true}
	}
	return nil
}

// problemForms are the forms of problems, by the names of --format.
var problemForms = map[string]func(f *findings, stdout, stderr io.Writer) error{
	"text":   (*findings).text,
	"json":   (*findings).json,
	"github": (*findings).github,
}

// text shows the problems in their files.
func (f *findings) text(_, stderr io.Writer) error {
	if err := f.problems.Print(stderr, f.sources); err != nil || len(f.problems) == 0 {
		return err
	}
	_, err := fmt.Fprintf(stderr, "\n%s\n", f.closing())
	return err
}

// closing is the last line: "2 errors, 1 warning in 27 steps (9 ms, no
// connection made)".
func (f *findings) closing() string {
	var b strings.Builder
	b.WriteString(bySeverity(f.problems))
	if f.steps > 0 {
		b.WriteString(" in " + counted(f.steps, "step"))
	}
	if f.files > 1 {
		b.WriteString(" of " + counted(f.files, "file"))
	}
	where := "no connection made"
	if f.asked != "" {
		where = "checked against " + f.asked
	}
	fmt.Fprintf(&b, " (%d ms, %s)", time.Since(f.began).Milliseconds(), where)
	return b.String()
}

// problemJSON is a problem in a form that scripts can rely on. Lines and columns
// count from 1; line 0 is the file as a whole.
type problemJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Col      int    `json:"col"`
	Width    int    `json:"width"` // in characters
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
}

// json writes one list, empty when there is no problem.
func (f *findings) json(stdout, _ io.Writer) error {
	list := make([]problemJSON, len(f.problems))
	for i, p := range f.problems {
		list[i] = problemJSON{p.Pos.File, p.Pos.Line, p.Pos.Col, p.Width, p.Severity.String(), p.Code, p.Message, p.Hint}
	}
	enc := json.NewEncoder(stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

// github writes the commands by which a GitHub workflow puts annotations at
// lines of a pull request.
func (f *findings) github(stdout, stderr io.Writer) error {
	for _, p := range f.problems {
		place := "file=" + githubProperty.Replace(p.Pos.File)
		if p.Pos.Line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d", p.Pos.Line, p.Pos.Col)
		}
		message := p.Message
		if p.Hint != "" {
			message += "\n" + p.Hint
		}
		if _, err := fmt.Fprintf(stdout, "::%s %s,title=%s::%s\n", p.Severity, place, githubProperty.Replace(p.Code), githubData.Replace(message)); err != nil {
			return err
		}
	}
	if len(f.problems) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(stderr, f.closing())
	return err
}

// A workflow command escapes what would end it, and more in a property.
var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
