package actions

import (
	"fmt"
	"strconv"
	"strings"
)

// count is a number with its noun: "1 row", "12,345 rows".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// grouped writes a number with a comma every three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// firstWords is the beginning of a statement, enough to know it by.
func firstWords(sql string) string {
	words := strings.Fields(sql)
	if len(words) > 4 {
		return strings.Join(words[:4], " ") + " …"
	}
	return strings.Join(words, " ")
}

func queriesText(n int) string {
	if n == 1 {
		return "1 query"
	}
	return fmt.Sprintf("%d queries", n)
}
