package report

import (
	"fmt"
	"strings"

	"runbook/engine/event"
	"runbook/engine/stats"
)

// The table of a benchmark: a row for each query, a group of columns for each
// stage. Each stage after the first says how it compares with the first.
//
//	                before           after
//	query             median          median       vs before
//	List products    63.9 ms  ±2%   64.20 ms  ±2%          ~  (p=.41)
//	Top products    148.0 ms  ±1%    1.01 s   ±1%       x6.8  slower
//
// Too wide for the terminal, it first loses the ±, then letters of the queries'
// names, and then its stages follow one another.

// measured shows the table under its step.
func (p *Plain) measured(e event.Measured) {
	if len(e.Stages) == 0 || len(e.Rows) == 0 {
		return
	}
	depth := p.open(e.Step) + 1
	p.blank()
	// It has no times of day beside it: the columns need the room.
	margin := strings.Repeat(" ", wordWidth+indent*depth)
	for _, part := range fit(e, max(p.opts.Width, p.width)-len(margin)) {
		for _, l := range part.lines() {
			p.put(text(margin).join(l))
		}
	}
	for _, note := range footnotes(e) {
		p.wrapped(depth, faint, note)
	}
	if p.run.Engine == standIn {
		p.wrapped(depth, caution, "Measured on the stand-in: this says nothing about Citus.")
	}
	p.blank()
}

const leastNames = 16 // characters of the queries' names

// fit is e as tables of at most width characters, as few as possible.
func fit(e event.Measured, width int) []table {
	names := nameColumn(e)
	groups := func(spread bool) []group {
		var all []group
		for i := range e.Stages {
			all = append(all, stageGroup(e, i, spread))
		}
		return all
	}
	for _, spread := range []bool{true, false} {
		if t := (table{names, groups(spread)}); t.width() <= width {
			return []table{t}
		}
	}
	t := table{names, groups(false)}
	if short := t.names.width() - (t.width() - width); short >= leastNames {
		t.names = t.names.cut(short)
		return []table{t}
	}
	all := t.groups
	parts := []table{{names.cut(max(width/3, leastNames)), all[:1]}}
	for _, g := range all[1:] {
		last := &parts[len(parts)-1]
		wider := table{last.names, append(last.groups[:len(last.groups):len(last.groups)], g)}
		if wider.width() <= width {
			*last = wider
			continue
		}
		parts = append(parts, table{last.names, []group{g}})
	}
	return parts
}

const mean = "geometric mean"

func nameColumn(e event.Measured) column {
	c := column{heading: "query"}
	for _, row := range e.Rows {
		name := row.Title
		if name == "" {
			name = row.Query
		}
		c.cells = append(c.cells, span{plain, squeeze(name)})
	}
	if hasMean(e) {
		c.cells = append(c.cells, span{faint, mean})
	}
	return c
}

// hasMean says whether a mean of ratios says more than the ratios.
func hasMean(e event.Measured) bool {
	for stage := range e.Stages {
		if meanRatio(e, stage) > 0 {
			return len(e.Rows) > 1
		}
	}
	return false
}

// meanRatio is 0 at the first stage, which is compared with none, and where one
// of the ratios has no evidence.
func meanRatio(e event.Measured, stage int) float64 {
	var ratios []float64
	for _, row := range e.Rows {
		c := cellOf(row, stage)
		if stats.Verdict(c.Verdict) == stats.Unknown {
			return 0
		}
		ratios = append(ratios, c.Ratio)
	}
	return stats.GeoMean(ratios)
}

// stageGroup is the columns of a stage: the medians, their spread if there is
// room for it, and how they compare with the first stage.
func stageGroup(e event.Measured, stage int, spread bool) group {
	medians := column{heading: "median", right: true, cells: medianCells(e, stage)}
	around := column{right: true}
	changes := column{heading: "vs " + e.Stages[0], right: true}
	words := column{}
	for _, row := range e.Rows {
		cell := cellOf(row, stage)
		around.cells = append(around.cells, span{faint, spreadOf(cell)})
		number, word := verdictCells(cell)
		changes.cells = append(changes.cells, number)
		words.cells = append(words.cells, word)
	}
	if hasMean(e) {
		medians.cells = append(medians.cells, span{})
		around.cells = append(around.cells, span{})
		total := span{}
		if m := meanRatio(e, stage); m > 0 {
			total = span{faint, change(m)}
		}
		changes.cells = append(changes.cells, total)
		words.cells = append(words.cells, span{})
	}
	g := group{e.Stages[stage], []column{medians}}
	if spread && !around.empty() {
		g.columns = append(g.columns, around)
	}
	if stage > 0 {
		g.columns = append(g.columns, changes, words)
	}
	return g
}

// cellOf is a query at a stage; a cell without executions where there is none.
func cellOf(row event.MeasuredQuery, stage int) event.MeasuredCell {
	if stage < len(row.Cells) {
		return row.Cells[stage]
	}
	return event.MeasuredCell{}
}

// medianCells have each the unit that suits it and all as many decimals as the
// one that needs most for three significant digits, so that the points align.
func medianCells(e event.Measured, stage int) []span {
	digits := 0
	for _, row := range e.Rows {
		if cell := cellOf(row, stage); cell.N > 0 {
			value, _ := scaled(duration(cell.Median))
			digits = max(digits, decimals(value))
		}
	}
	var cells []span
	for _, row := range e.Rows {
		cell := cellOf(row, stage)
		if cell.N == 0 {
			cells = append(cells, span{faint, "-   "})
			continue
		}
		value, unit := scaled(duration(cell.Median))
		cells = append(cells, span{plain, fmt.Sprintf("%.*f %-2s", digits, value, unit)})
	}
	return cells
}

// spreadOf is the wider side of the confidence interval as benchstat prints
// it; empty where there is no interval.
func spreadOf(c event.MeasuredCell) string {
	if c.Median <= 0 || c.High == 0 {
		return ""
	}
	wide := max(float64(c.High)/float64(c.Median)-1, 1-float64(c.Low)/float64(c.Median))
	return fmt.Sprintf("±%.0f%%", 100*wide)
}

// verdictCells are the change and what is to be thought of it.
func verdictCells(c event.MeasuredCell) (number, word span) {
	switch stats.Verdict(c.Verdict) {
	case stats.Slower:
		return span{caution, change(c.Ratio)}, span{caution, c.Verdict}
	case stats.Faster:
		return span{good, change(c.Ratio)}, span{good, c.Verdict}
	case stats.Same:
		return span{faint, "~"}, span{faint, "(" + probability(c.PValue) + ")"}
	case "":
		return span{}, span{}
	default:
		return span{caution, "?"}, span{caution, c.Verdict}
	}
}

// footnotes say what the signs mean that occur in the table.
func footnotes(e event.Measured) []string {
	least, most := -1, 0
	var intervals, missing, same, unknown bool
	for _, row := range e.Rows {
		for _, c := range row.Cells {
			if c.N == 0 {
				continue
			}
			if least < 0 || c.N < least {
				least = c.N
			}
			most = max(most, c.N)
			if spreadOf(c) != "" {
				intervals = true
			} else {
				missing = true
			}
			switch stats.Verdict(c.Verdict) {
			case stats.Same:
				same = true
			case stats.Unknown:
				unknown = true
			}
		}
	}
	n := fmt.Sprintf("n=%d per cell", most)
	if least != most {
		n = fmt.Sprintf("n=%d to %d per cell", max(least, 0), most)
	}
	notes := []string{n}
	if intervals {
		notes[0] += "; ± 95% confidence interval of the median"
	}
	if missing {
		notes[0] += "; no interval below n=6"
	}
	if same {
		notes = append(notes, "~ no difference shown at 5% (Mann-Whitney U test)")
	}
	if unknown {
		notes = append(notes, "? the evidence does not suffice for a verdict: it takes n=4 on both sides")
	}
	return notes
}
