package syntax

import (
	"strings"
	"unicode/utf8"
)

// style is how a scalar was written, which decides where its characters are.
type style uint8

const (
	plain style = iota
	singleQuoted
	doubleQuoted
	literal // |
	folded  // >
	wholeFile
)

// PosAt is the place in the file of the byte at offset of a scalar's Text. It
// is exact for literal blocks and for scalars on one line; for folded and
// escaped text, where characters and places no longer correspond, it is the
// place of the scalar, and exact is false.
func (n *Node) PosAt(offset int) (pos Pos, exact bool) {
	offset = min(max(offset, 0), len(n.Text))
	if n.Kind != Scalar {
		return n.Pos, false
	}
	switch n.style {
	case wholeFile:
		return n.posInFile(offset), true
	case literal:
		return n.posInBlock(offset)
	case plain, singleQuoted, doubleQuoted:
		return n.posInLine(offset)
	default:
		return n.Pos, false
	}
}

// posInBlock maps line by line: the text of a literal block is the source
// lines below the `|`, less their common indentation.
func (n *Node) posInBlock(offset int) (Pos, bool) {
	before := n.Text[:offset]
	line := strings.Count(before, "\n")
	start := strings.LastIndexByte(before, '\n') + 1
	source := n.src.Line(n.Pos.Line + 1 + line)
	text, _, _ := strings.Cut(n.Text[start:], "\n")
	if !strings.HasSuffix(strings.TrimRight(source, "\r"), text) {
		return n.Pos, false
	}
	indent := len(strings.TrimRight(source, "\r")) - len(text)
	col := indent + utf8.RuneCountInString(before[start:]) + 1
	return Pos{n.Pos.File, n.Pos.Line + 1 + line, col}, true
}

func (n *Node) posInFile(offset int) Pos {
	before := n.Text[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return Pos{n.Pos.File, strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1}
}

// posInLine works when the source shows the text as it is, behind the opening
// quote if there is one.
func (n *Node) posInLine(offset int) (Pos, bool) {
	line := []rune(n.src.Line(n.Pos.Line))
	first := n.Pos.Col
	if n.style != plain {
		first++
	}
	if first-1 > len(line) || !strings.HasPrefix(string(line[first-1:]), n.Text) {
		return n.Pos, false
	}
	return Pos{n.Pos.File, n.Pos.Line, first + utf8.RuneCountInString(n.Text[:offset])}, true
}

// width is how many characters the scalar takes in its line, 1 when it is not
// on one line.
func (n *Node) width() int {
	if n.Kind != Scalar || n.style == literal || n.style == folded || n.style == wholeFile {
		return 1
	}
	if _, exact := n.posInLine(0); !exact {
		return 1
	}
	w := utf8.RuneCountInString(n.Text)
	if n.style != plain {
		w += 2
	}
	return max(w, 1)
}
