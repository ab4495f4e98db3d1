package syntax

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Source is the text of a file by lines, kept to show where a problem is.
type Source struct {
	File  string
	lines []string
}

// NewSource splits src into its lines.
func NewSource(file string, src []byte) *Source {
	text := strings.ReplaceAll(string(src), "\r\n", "\n")
	return &Source{file, strings.Split(text, "\n")}
}

// Line is the text of line n, counted from 1, or "" when there is none.
func (s *Source) Line(n int) string {
	if s == nil || n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
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
		fmt.Fprintf(&b, "%*d | %s\n", len(number), pos.Line-1, printable(before))
	}
	line := printable(s.Line(pos.Line))
	fmt.Fprintf(&b, "%s | %s\n", number, line)
	col := min(max(pos.Col, 1), utf8.RuneCountInString(line)+1)
	room := utf8.RuneCountInString(line) - col + 1
	carets := strings.Repeat("^", max(1, min(width, room)))
	fmt.Fprintf(&b, "%s | %s%s", margin, strings.Repeat(" ", col-1), carets)
	if note != "" {
		b.WriteString(" " + note)
	}
	b.WriteByte('\n')
	return b.String()
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
		if _, err := fmt.Fprintf(w, "%s: error[%s]: %s\n", p.Pos, p.Code, p.Message); err != nil {
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
