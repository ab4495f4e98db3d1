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

// findingsOf are all findings of a plan with the steps they belong to.
func findingsOf(p *engine.Preview) (steps []engine.StepPreview, open, repaired int) {
	p.Walk(func(s engine.StepPreview) {
		if len(s.Findings) > 0 {
			steps = append(steps, s)
		}
		for _, f := range s.Findings {
			if f.RepairedBy == "" && s.Decision != engine.OnFailure {
				open++
			} else {
				repaired++
			}
		}
	})
	return steps, open, repaired
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
