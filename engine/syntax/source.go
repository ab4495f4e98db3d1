package syntax

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Source is the text of a file by lines, kept to show where a problem is.
type Source struct {
	File  string
	lines []string
}

// NewSource splits the text of a YAML file into its lines.
func NewSource(file string, src []byte) *Source {
	return &Source{file, strings.Split(breakLines(string(src)), "\n")}
}

// breakLines makes a line feed of all that YAML takes for the end of a line.
func breakLines(text string) string {
	for _, other := range []string{"\r", "\u0085", "\u2028", "\u2029"} {
		if strings.Contains(text, other) {
			return lineBreaks.Replace(text)
		}
	}
	return text
}

var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// Line is the text of line n, counted from 1, or "" when there is none.
func (s *Source) Line(n int) string {
	if s == nil || n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// Mentions says whether a word of that text stands in the file.
func (s *Source) Mentions(text string) bool {
	if s == nil {
		return false
	}
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(text) + `\b`)
	return slices.ContainsFunc(s.lines, word.MatchString)
}

// Excerpt shows the line of pos with a caret under it and the line before for
// orientation:
//
//	   |
//	40 |   - assert: stat_trak == 'all'
//	   |             ^^^^^^^^^ note
//
// It is empty when pos has no line.
func (s *Source) Excerpt(pos Pos, width int, note string) string {
	if s == nil || pos.Line < 1 || pos.Line > len(s.lines) {
		return ""
	}
	number := fmt.Sprint(pos.Line)
	margin := strings.Repeat(" ", len(number))
	var b strings.Builder
	fmt.Fprintf(&b, "%s |\n", margin)
	if before := s.Line(pos.Line - 1); strings.TrimSpace(before) != "" {
		before, _ = window(printable(before), 1)
		fmt.Fprintf(&b, "%*d | %s\n", len(number), pos.Line-1, before)
	}
	line := printable(s.Line(pos.Line))
	col := min(max(pos.Col, 1), utf8.RuneCountInString(line)+1)
	line, col = window(line, col)
	fmt.Fprintf(&b, "%s | %s\n", number, line)
	room := utf8.RuneCountInString(line) - col + 1
	carets := strings.Repeat("^", max(1, min(width, room)))
	fmt.Fprintf(&b, "%s | %s%s", margin, strings.Repeat(" ", col-1), carets)
	if note != "" {
		b.WriteString(" " + note)
	}
	b.WriteByte('\n')
	return b.String()
}

// window is the part of a long line around a column, and where the column is in
// it.
func window(line string, col int) (string, int) {
	const most, before = 160, 60
	r := []rune(line)
	if len(r) <= most {
		return line, col
	}
	from := min(max(col-1-before, 0), len(r)-most)
	out := r[from : from+most]
	if from > 0 {
		out = append([]rune("…"), out[1:]...)
	}
	if from+most < len(r) {
		out = append(out[:most-1:most-1], '…')
	}
	return string(out), col - from
}

// printable replaces each control character by one visible character, so that
// a file cannot paint the terminal and the caret still stands at its column.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError:
			return '\ufffd'
		default:
			return r
		}
	}, s)
}

// Print writes the problems with their source lines. sources holds the texts
// by file name; a problem of a file that is not there is printed without.
func (ps Problems) Print(w io.Writer, sources map[string]*Source) error {
	for _, p := range ps {
		if _, err := fmt.Fprintf(w, "%s: %s[%s]: %s\n", p.Pos, p.Severity, p.Code, p.Message); err != nil {
			return err
		}
		excerpt := sources[p.Pos.File].Excerpt(p.Pos, p.Width, p.Hint)
		if excerpt == "" && p.Hint != "" {
			excerpt = "   = " + p.Hint + "\n"
		}
		if _, err := io.WriteString(w, excerpt); err != nil {
			return err
		}
	}
	return nil
}
