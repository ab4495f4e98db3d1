package syntax

import (
	"io"
	"testing"
	"unicode/utf8"
)

// FuzzParse checks that whatever a file holds, each problem and each part of each
// scalar has a place in it, and can be shown.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"runbook: v1\nsteps:\n  - sql: SELECT 1\n",
		"runbook: v1\nvars: {a: &a [1, *a], b: *a}\nsteps: [{group: g, steps: [], rescue: {recovered: true}}]",
		"a: |\n  x\n  y\n\nb: >\n  z\n? [c]\n: d\n",
		"steps:\n  - retry: {on: [1]}\n    repeat: x\n    register: {row: }\n    for_each: []\n",
		"queries: {a: , b: {sql: x, args: y}}\nconnections: {main: x}\nsandbox: 5\nsecrets: {}",
		"\ufeffa: 'b\n  c'\n---\nd", "\t", "%YAML 1.1\n---\n", "!!binary aGk=", "{", "- *x", "a: \"\\u00e9\\t\"",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		rb, problems := Parse("f", src)
		if rb == nil && len(problems) == 0 {
			t.Fatal("neither a tree nor a problem")
		}
		source := NewSource("f", src)
		for _, p := range problems.Sort() {
			wantInside(t, source, p.Pos)
		}
		if err := problems.Print(io.Discard, map[string]*Source{"f": source}); err != nil {
			t.Fatal(err)
		}
		if root, _ := readYAML(source, src); root != nil {
			places(t, source, root, 0)
		}
	})
}

func places(t *testing.T, source *Source, n *Node, depth int) {
	if depth > 50 {
		return
	}
	wantInside(t, source, n.Pos)
	if n.Kind == Scalar {
		for i := range n.Text {
			pos, _ := n.PosAt(i)
			wantInside(t, source, pos)
		}
		_ = n.ProblemAt(1, 3, "x", "y", "")
	}
	for _, item := range n.Items[:min(len(n.Items), 20)] {
		places(t, source, item, depth+1)
	}
	for _, f := range n.Fields[:min(len(n.Fields), 20)] {
		places(t, source, f.Key, depth+1)
		places(t, source, f.Value, depth+1)
	}
}

func wantInside(t *testing.T, source *Source, pos Pos) {
	t.Helper()
	if pos.Line < 1 || pos.Line > len(source.lines)+1 || pos.Col < 1 || pos.Col > utf8.RuneCountInString(source.Line(pos.Line))+2 {
		t.Fatalf("%v is outside of the file", pos)
	}
}
