package syntax

import (
	"regexp"
	"slices"
)

var allowance = regexp.MustCompile(`(?:#|--)\s*allow ([a-z]+/[a-z-]+): *\S`)

// Allows says that a comment in the line, or in the one before, takes
// responsibility for a warning:
//
//	# allow template/raw: the server has quoted every name
//
// It needs a reason, which is for the reviewer. In SQL text the comment begins
// with --.
//
// Note: there is no allowance for a whole file, and none on the command line. A
// warning that is wrong everywhere is a mistake of the rule.
func (s *Source) Allows(line int, code string) bool {
	return slices.ContainsFunc([]int{line - 1, line}, func(n int) bool {
		m := allowance.FindStringSubmatch(s.Line(n))
		return m != nil && m[1] == code
	})
}
