package engine

import "testing"

// TestFindingsInCommon takes the findings of steps one after another: one refers
// to the first that is the same, on the same connection, and as open.
func TestFindingsInCommon(t *testing.T) {
	v := &previewer{common: map[commonFinding]string{}}
	for _, c := range []struct {
		number, connection string
		decision           Decision
		f                  Finding
		want               string
	}{
		{"1", "main", OnFailure, Finding{Common: "wal_level"}, ""},
		{"2", "main", WillRun, Finding{Common: "wal_level"}, ""}, // open, and that of step 1 is not
		{"3", "main", WillRun, Finding{Common: "wal_level"}, "2"},
		{"4", "other", WillRun, Finding{Common: "wal_level"}, ""},
		{"5", "main", WillRun, Finding{Common: "wal_level", RepairedBy: "4"}, ""},
		{"6", "main", Depends, Finding{Common: "wal_level", RepairedBy: "4"}, "5"},
		{"7", "main", WillRun, Finding{What: "of the table"}, ""},
		{"8", "main", WillRun, Finding{What: "of the table"}, ""},
	} {
		f := c.f
		f.Fix = "repair it"
		v.refer(c.connection, &StepPreview{Number: c.number, Decision: c.decision}, &f)
		if f.SameAs != c.want || (f.Fix == "") != (c.want != "") {
			t.Errorf("step %s refers to step %q, its fix is %q; want %q", c.number, f.SameAs, f.Fix, c.want)
		}
		if p := (&Preview{Steps: []StepPreview{{Decision: c.decision, Forecast: Forecast{Findings: []Finding{f}}}}}); (len(p.Open()) == 1) != (f.RepairedBy == "" && c.decision != OnFailure) {
			t.Errorf("step %s is open: %v", c.number, p.Open())
		}
	}
}
