package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes s harmless on a terminal and one line long. Line breaks and tabs
// become spaces; control characters (C0, C1, DEL), bytes that are not UTF-8,
// and the invisible characters that reorder a line become visible escapes.
// Names and messages come from the database and from files, and some of them
// were put there to be read by an operator.
func clean(s string) string {
	if strings.IndexFunc(s, unsafeRune) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\r' && strings.HasPrefix(s[i:], "\r\n"):
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r < 0x80 && unsafeRune(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// unsafeRune is also true of U+FFFD, which stands for a byte that is no UTF-8.
func unsafeRune(r rune) bool {
	if r >= ' ' && r < 0x7f { // nearly all there is; the tables below are slow
		return false
	}
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// paragraphs splits text at its line breaks and drops the empty lines at its
// end.
func paragraphs(text string) []string {
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n ")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// squeeze is s on one line with single spaces: SQL as people read it.
func squeeze(s string) string {
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens s to width characters, the last one of which then says so.
func cut(s string, width int) string {
	s = clean(s)
	switch {
	case length(s) <= width:
		return s
	case width <= 0:
		return ""
	default:
		return string([]rune(s)[:width-1]) + "…"
	}
}

// wrap breaks s between words into lines of at most width characters; a longer
// word has a line of its own.
func wrap(s string, width int) []string {
	var lines []string
	at := ""
	for _, word := range strings.Fields(clean(s)) {
		switch {
		case at == "":
			at = word
		case length(at)+1+length(word) <= width:
			at += " " + word
		default:
			lines = append(lines, at)
			at = word
		}
	}
	if at != "" {
		lines = append(lines, at)
	}
	return lines
}

// length is the number of characters of clean text. Wide and combining ones
// count as one: a column that is off by one is no reason for a table of them.
func length(s string) int { return utf8.RuneCountInString(s) }
