package syntax

import (
	"strings"
	"testing"
)

// TestPosAt looks for the word HERE of a scalar's text in the file.
func TestPosAt(t *testing.T) {
	for _, test := range []struct {
		name, yaml string
		line, col  int
		exact      bool
	}{
		{"plain", "a: SELECT HERE", 1, 11, true},
		{"single quoted", "a: 'SELECT HERE'", 1, 12, true},
		{"double quoted", `a: "SELECT HERE"`, 1, 12, true},
		{"in a flow mapping", "a: {b: SELECT HERE, c: 1}", 1, 15, true},
		{"in a list", "a:\n- SELECT HERE", 2, 10, true},
		{"an escape before it", `a: "SELECT\tHERE"`, 1, 4, false},
		{"a quote before it", "a: 'it''s HERE'", 1, 4, false},
		{"characters of several bytes", "é: 'äöü€🙂 HERE'", 1, 11, true},
		{"literal", "a: |\n  SELECT\n    HERE", 3, 5, true},
		{"literal, first line", "a: |\n  HERE", 2, 3, true},
		{"literal with an empty line", "a: |\n  SELECT\n\n  HERE", 4, 3, true},
		{"literal, stripped", "a: |-\n  SELECT\n  HERE", 3, 3, true},
		{"literal, indentation told", "a: |2\n    SELECT\n  HERE", 3, 3, true},
		{"literal, Windows line ends", "a: |\r\n  SELECT\r\n  HERE\r\n", 3, 3, true},
		{"literal, several bytes before it", "a: |\n  'é' HERE", 2, 7, true},
		{"literal after a comment", "a: | # why\n  HERE", 2, 3, true},
		{"folded", "a: >\n  SELECT\n  HERE", 1, 4, false},
		{"plain on two lines", "a: SELECT\n  HERE", 1, 4, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := []byte(test.yaml)
			root, problems := readYAML(NewSource("f", src), src)
			if problems != nil {
				t.Fatal(problems)
			}
			n := root.Fields[0].Value
			switch n.Kind {
			case List:
				n = n.Items[0]
			case Map:
				n = n.Fields[0].Value
			}
			pos, exact := n.PosAt(strings.Index(n.Text, "HERE"))
			if pos.Line != test.line || pos.Col != test.col || exact != test.exact {
				t.Errorf("at %d:%d, exact %v; want %d:%d, %v", pos.Line, pos.Col, exact, test.line, test.col, test.exact)
			}
		})
	}
}

func TestPosAtWholeFile(t *testing.T) {
	n := TextNode("x.sql", []byte("SELECT 1;\nSELECT 'é', HERE"))
	pos, exact := n.PosAt(strings.Index(n.Text, "HERE"))
	if want := (Pos{"x.sql", 2, 13}); pos != want || !exact {
		t.Errorf("at %v, exact %v; want %v", pos, exact, want)
	}
}

func TestPosAtOutside(t *testing.T) {
	src := []byte("a: text")
	root, _ := readYAML(NewSource("f", src), src)
	n := root.Fields[0].Value
	for _, offset := range []int{-5, 0, 4, 99} {
		if pos, _ := n.PosAt(offset); pos.Line != 1 || pos.Col < 4 || pos.Col > 8 {
			t.Errorf("offset %d is at %v", offset, pos)
		}
	}
}
