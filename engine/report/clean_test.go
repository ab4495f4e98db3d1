package report

import (
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain – ünïcode ✓", "plain – ünïcode ✓"},
		{"\x1b[31mred", `\x1b[31mred`},
		{"two\r\nlines\tand a tab", "two lines and a tab"},
		{"\u009b2J", `\u009b2J`},
		{"\u202egnp.exe", `\u202egnp.exe`},
		{"\xff\xfe", `\xff\xfe`},
		{"nul\x00del\x7f", `nul\x00del\x7f`},
	} {
		if got := clean(test.in); got != test.want {
			t.Errorf("clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestWrapAndCut(t *testing.T) {
	if got := strings.Join(wrap("one two  three four incomprehensibilities x", 9), "|"); got != "one two|three|four|incomprehensibilities|x" {
		t.Error(got)
	}
	for _, test := range []struct {
		width int
		want  string
	}{{9, "SELECT ÄÖ"}, {8, "SELECT …"}, {1, "…"}, {0, ""}} {
		if got := cut("SELECT ÄÖ", test.width); got != test.want {
			t.Errorf("cut to %d: %q, want %q", test.width, got, test.want)
		}
	}
}
