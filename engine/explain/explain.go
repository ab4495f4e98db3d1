// Package explain is the catalogue of problem codes: what each means, why it is a
// problem, how to mend it, with a wrong runbook and a right one. It finds no
// problems; packages syntax, engine and actions do.
package explain

import (
	"slices"
	"strings"
)

// Problem is one entry of the catalogue.
type Problem struct {
	Code    string
	Warning bool   // a runbook that has it can run
	Title   string // one line
	About   string // what it means, why it is a problem, how to mend it
	Wrong   string // a runbook without its first line; "" where none can show it
	Right   string // the same, mended
	Whole   bool   // Wrong is all of a file
}

// Severity is the word for how much the problem counts.
func (p Problem) Severity() string {
	if p.Warning {
		return "warning"
	}
	return "error"
}

// FromServer stands for all codes of what a server says of a statement: the part
// behind the slash is the name of a PostgreSQL condition.
const FromServer = "sql/CONDITION"

// All is the catalogue, in the order of the way of a runbook: read, understood,
// judged.
func All() []Problem {
	return slices.Concat(files(), yaml(), schema(), names(), expressions(), statements(), actions(), warnings())
}

// Find is the entry of a code.
func Find(code string) (Problem, bool) {
	all := All()
	i := slices.IndexFunc(all, func(p Problem) bool { return p.Code == code })
	if i < 0 {
		return Problem{}, false
	}
	return all[i], true
}

// Examples are the wrong runbook and the right one, as whole files. Of both there
// is none where no short text can show the problem.
func (p Problem) Examples() (wrong, right string) {
	if p.Wrong == "" {
		return "", ""
	}
	wrong, right = strings.TrimPrefix(p.Wrong, "\n"), "runbook: v1"+p.Right
	if !p.Whole {
		wrong = "runbook: v1" + p.Wrong
	}
	return wrong, right
}

// Text is what the problem means, on one line.
func (p Problem) Text() string { return strings.Join(strings.Fields(p.About), " ") }
