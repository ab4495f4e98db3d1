package syntax

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says how much a problem counts.
type Severity int

const (
	Error   Severity = iota // the runbook cannot run
	Warning                 // it runs, and is unwise
)

func (s Severity) String() string { return [...]string{"error", "warning"}[s] }

// Problem is one thing that is wrong with a runbook. Code is stable across
// releases: "schema/unknown-key". Width is how many characters from Pos the
// problem spans, 0 when that is not known.
type Problem struct {
	Pos      Pos
	Width    int
	Severity Severity
	Code     string
	Message  string
	Hint     string // what to do about it, often the near miss; may be empty
}

// Warning is the problem as one that lets the runbook run.
func (p Problem) Warning() Problem {
	p.Severity = Warning
	return p
}

func (p Problem) Error() string {
	return fmt.Sprintf("%s: %s", p.Pos, p.Message)
}

// Problems are all that was found wrong, of one or more files.
type Problems []Problem

// Sort orders problems by file and place, and drops the exact repetitions that
// arise where one text is read twice.
func (ps Problems) Sort() Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
		)
	})
	return slices.Compact(out)
}

// Errors are the problems that keep a runbook from running.
func (ps Problems) Errors() Problems { return ps.only(Error) }

// Warnings are the others.
func (ps Problems) Warnings() Problems { return ps.only(Warning) }

func (ps Problems) only(s Severity) Problems {
	var out Problems
	for _, p := range ps {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

// Error lists the problems one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
