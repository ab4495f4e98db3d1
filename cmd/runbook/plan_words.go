package main

import (
	"fmt"
	"strings"

	"runbook/engine"
)

// decisionWords stand before a step.
var decisionWords = map[engine.Decision]string{
	engine.WillRun: "run", engine.WillSkip: "skip", engine.Holds: "holds", engine.Depends: "?", engine.OnFailure: "rescue",
}

// lockGroup is tables that are locked in one mode for one reason.
type lockGroup struct {
	mode, note string
	tables     []string
}

func (g lockGroup) String() string { return g.mode + " " + strings.Join(g.tables, ", ") }

// lockGroups joins the locks of a step by mode and reason, in their order.
func lockGroups(s engine.StepPreview) []lockGroup {
	var out []lockGroup
next:
	for _, l := range s.Locks {
		mode, table := strings.TrimSuffix(string(l.Mode), "Lock"), strings.TrimPrefix(l.Table, "public.")
		for i := range out {
			if out[i].mode == mode && out[i].note == l.Note {
				out[i].tables = append(out[i].tables, table)
				continue next
			}
		}
		out = append(out, lockGroup{mode: mode, note: l.Note, tables: []string{table}})
	}
	return out
}

// whyDecided says what a step's decision rests on, "" for one that simply runs.
func whyDecided(s engine.StepPreview) string {
	switch {
	case len(s.DependsOn) > 0 && s.Reason != "":
		return fmt.Sprintf("%s (depends on %s)", s.Reason, strings.Join(s.DependsOn, ", "))
	case len(s.DependsOn) > 0:
		return "depends on " + strings.Join(s.DependsOn, ", ")
	}
	return s.Reason
}

// planHeader are the lines above a plan, as pairs of a word and what it says.
func planHeader(p *engine.Preview) [][2]string {
	out := [][2]string{{"plan", fmt.Sprintf("%s, %s, of %s", p.Runbook, counted(p.Count, "step"), p.File)}}
	if p.Target == nil {
		return append(out, [2]string{"target", "none: state and preflight are unknown; --dsn URL asks one"})
	}
	target := p.Target.Address + "  " + p.Target.Server
	if p.Target.Label != "" {
		target += ", " + p.Target.Label
	}
	return append(out, [2]string{"target", target}, [2]string{"mode", "read-only, nothing was written"})
}

// planTally counts the steps by what becomes of them, groups not counted.
func planTally(p *engine.Preview) string {
	n := map[engine.Decision]int{}
	p.Walk(func(s engine.StepPreview) {
		if s.Action != "group" || s.Decision == engine.WillSkip {
			n[s.Decision]++
		}
	})
	parts := []string{fmt.Sprintf("%d to run", n[engine.WillRun])}
	for _, part := range []struct {
		decision engine.Decision
		words    string
	}{{engine.Holds, "hold already"}, {engine.WillSkip, "skipped"}, {engine.Depends, "depend on what is known when they run"}, {engine.OnFailure, "only after a failure"}} {
		if n[part.decision] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[part.decision], part.words))
		}
	}
	return strings.Join(parts, ", ")
}

// planVerdict is the last line of a plan.
func planVerdict(p *engine.Preview) string {
	switch {
	case p.Target == nil && p.Ready:
		return "not checked against a target"
	case p.Ready:
		return "ready"
	default:
		return "NOT ready (exit 3)"
	}
}

// findingsOf are all steps of a plan that have findings, and how many those are;
// one that several steps have counts once.
func findingsOf(p *engine.Preview) (steps []engine.StepPreview, open, repaired int) {
	p.Walk(func(s engine.StepPreview) {
		if len(s.Findings) > 0 {
			steps = append(steps, s)
		}
		for _, f := range s.Findings {
			switch {
			case f.SameAs != "":
			case f.RepairedBy == "" && s.Decision != engine.OnFailure:
				open++
			default:
				repaired++
			}
		}
	})
	return steps, open, repaired
}

// toldFindings are the findings of a step as a person reads them: those that it has
// in common with an earlier step are one line, with their number.
func toldFindings(s engine.StepPreview) []engine.Finding {
	type referral struct{ step, repairedBy string }
	common := map[referral]int{}
	for _, f := range s.Findings {
		common[referral{f.SameAs, f.RepairedBy}]++
	}
	var out []engine.Finding
	for _, f := range s.Findings {
		r := referral{f.SameAs, f.RepairedBy}
		switch n := common[r]; {
		case f.SameAs == "":
			out = append(out, f)
		case n > 0:
			common[r] = 0
			f.What = fmt.Sprintf("%s about the servers, as in step %s", counted(n, "finding"), f.SameAs)
			out = append(out, f)
		}
	}
	return out
}

func findingsText(open, repaired int) string {
	switch {
	case open+repaired == 0:
		return "nothing found"
	case repaired == 0:
		return counted(open, "finding")
	case open == 0:
		return counted(repaired, "finding") + " that an earlier step may repair"
	default:
		return fmt.Sprintf("%s, and %d that an earlier step may repair", counted(open, "finding"), repaired)
	}
}
