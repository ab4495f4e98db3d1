package syntax

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"text", `0"text"`},
		{"${a}", "2<a>"},
		{"x ${a} y ${b}z", `0"x " 4<a> 6" y " 11<b> 13"z"`},
		{`\${a}`, `1"${a}"`},
		{`a\${b} ${c}`, `0"a" 2"${b} " 9<c>`},
		{"$a $$ { } }", `0"$a $$ { } }"`},
		{"${ {'a': 1}['a'] }", "2< {'a': 1}['a'] >"},
		{"${'}'}", "2<'}'>"},
		{`${'it\'s }'} x`, `2<'it\'s }'> 12" x"`},
		{"${\"}\" + `}`}", "2<\"}\" + `}`>"},
		{"$${a}", `0"$" 3<a>`},
		{"é${a}é", `0"é" 4<a> 6"é"`},
		{"${a", "error at 0: this ${ is never closed"},
		{"x ${'a}", "error at 2: this ${ is never closed"},
		{"${ }", "error at 0: ${} holds no expression"},
	} {
		if got := shownTemplate(test.text); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func shownTemplate(text string) string {
	pieces, err := Template(text)
	var te *TemplateError
	if errors.As(err, &te) {
		return fmt.Sprintf("error at %d: %s", te.Offset, te.Message)
	}
	var out []string
	for _, p := range pieces {
		if p.Expr {
			out = append(out, fmt.Sprintf("%d<%s>", p.Offset, p.Text))
		} else {
			out = append(out, fmt.Sprintf("%d%q", p.Offset, p.Text))
		}
	}
	return strings.Join(out, " ")
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"stepps", "steps"},
		{"setps", "steps"}, // two neighbours swapped
		{"step", "steps"},
		{"STEPS", ""}, // five edits
		{"paralel-montor", "parallel-monitor"},
		{"steps", ""}, // itself is no miss
		{"x", ""},
		{"ab", "a"},
		{"", ""},
		{"grosse", "grösse"},
	} {
		if got := Nearest(test.word, []string{"steps", "parallel-monitor", "a", "grösse", "name"}); got != test.want {
			t.Errorf("%q is near %q, want %q", test.word, got, test.want)
		}
	}
}

// FuzzTemplate checks that the pieces are the text, each where it says.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "x ${a} \\${b} ${'}'}", "${a", "${{}}", "$$ ${x} $$"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pieces, err := Template(text)
		if err != nil {
			return
		}
		end := 0
		for _, p := range pieces {
			if p.Offset < end || !strings.HasPrefix(text[p.Offset:], p.Text) {
				t.Fatalf("%q: piece %+v does not stand there", text, p)
			}
			end = p.Offset + len(p.Text)
		}
	})
}
