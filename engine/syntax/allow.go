package syntax

import (
	"iter"
	"regexp"
	"strings"
	"unicode/utf8"
)

var allowance = regexp.MustCompile(`(?:#|--)\s*allow ([a-z]+/[a-z-]+): *\S`)

// Allowance is a comment that takes responsibility for a warning:
//
//	# allow template/raw: the server has quoted every name
//
// It needs a reason, which is for the reviewer, and speaks of its own line and of
// the next. In SQL text the comment begins with --.
//
// Note: there is no allowance for a whole file, and none on the command line. A
// warning that is wrong everywhere is a mistake of the rule.
type Allowance struct {
	Pos  Pos
	Code string // of the warning
}

// Problem makes a problem at the comment.
func (a Allowance) Problem(code, message, hint string) Problem {
	return Problem{Pos: a.Pos, Width: 1, Code: code, Message: message, Hint: hint}
}

// Allows finds the comment that allows a warning in a line.
func (s *Source) Allows(line int, code string) (Allowance, bool) {
	for _, n := range []int{line - 1, line} {
		if a, ok := s.allowanceIn(n); ok && a.Code == code {
			return a, true
		}
	}
	return Allowance{}, false
}

// Allowances are all such comments, in the order of the file.
func (s *Source) Allowances() iter.Seq[Allowance] {
	return func(yield func(Allowance) bool) {
		for i := range s.lines {
			if a, ok := s.allowanceIn(i + 1); ok && !yield(a) {
				return
			}
		}
	}
}

func (s *Source) allowanceIn(n int) (Allowance, bool) {
	line := s.Line(n)
	if !strings.Contains(line, "allow ") { // as almost all
		return Allowance{}, false
	}
	m := allowance.FindStringSubmatchIndex(line)
	if m == nil {
		return Allowance{}, false
	}
	col := utf8.RuneCountInString(line[:m[0]]) + 1
	return Allowance{Pos{s.File, n, col}, line[m[2]:m[3]]}, true
}
