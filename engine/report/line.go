package report

import (
	"strings"
)

// style is how a piece of text looks. It never carries the meaning alone.
type style uint8

const (
	plain style = iota
	strong
	faint
	good
	bad
	caution
	accent
	banner
)

// sgr are the terminal's numbers for a style: the eight colours that every
// terminal has and whose shade its user has chosen.
var sgr = [...]string{
	plain:   "",
	strong:  "1",
	faint:   "2",
	good:    "32",
	bad:     "1;31",
	caution: "33",
	accent:  "36",
	banner:  "1;7;33",
}

// span is text in one style.
type span struct {
	style style
	text  string
}

// line is what stands on one line of the terminal. Its text can hold anything:
// painting it is the only way to the terminal, and cleans it.
type line []span

func text(s string) line             { return line{{plain, s}} }
func styled(st style, s string) line { return line{{st, s}} }

// add returns l with text in a style after it.
func (l line) add(st style, s string) line {
	return append(l[:len(l):len(l)], span{st, s})
}

func (l line) join(other line) line {
	return append(l[:len(l):len(l)], other...)
}

// pad fills l with spaces up to width.
func (l line) pad(width int) line {
	return l.add(plain, strings.Repeat(" ", max(width-l.width(), 0)))
}

func (l line) width() int {
	n := 0
	for _, s := range l {
		n += length(clean(s.text))
	}
	return n
}

// paint writes l with its line break. It is the only place that writes an
// escape sequence.
func (l line) paint(b *strings.Builder, color bool) {
	for len(l) > 0 && strings.TrimRight(l[len(l)-1].text, " ") == "" {
		l = l[:len(l)-1]
	}
	for i, s := range l {
		t := clean(s.text)
		if i == len(l)-1 && s.style != banner {
			t = strings.TrimRight(t, " ")
		}
		if color && s.style != plain && t != "" {
			b.WriteString("\x1b[" + sgr[s.style] + "m" + t + "\x1b[0m")
		} else {
			b.WriteString(t)
		}
	}
	b.WriteByte('\n')
}
