package report

import (
	"fmt"
	"strconv"
	"strings"

	"runbook/engine/event"
)

const (
	mostShown = 40 // rows; a table of more is not read on a terminal
	widest    = 40 // characters of a value
)

// shown puts rows under their step, each column as wide as it needs to be.
func (p *Plain) shown(e event.Shown) {
	if len(e.Columns) == 0 {
		return
	}
	depth := p.open(e.Step) + 1
	rows, more := e.Rows, e.More
	if len(rows) > mostShown {
		rows, more = rows[:mostShown], more+int64(len(rows)-mostShown)
	}
	columns := make([]column, len(e.Columns))
	for i, name := range e.Columns {
		columns[i] = column{heading: name, right: len(rows) > 0}
		for _, row := range rows {
			columns[i].cells = append(columns[i].cells, span{plain, cut(row[i], widest)})
			if _, err := strconv.ParseFloat(row[i], 64); err != nil {
				columns[i].right = false
			}
		}
	}
	p.blank()
	head := line(nil)
	for _, c := range columns {
		head = c.put(head, span{faint, c.heading}, c.width()).add(plain, strings.Repeat(" ", gap))
	}
	p.under(depth, head)
	for i := range rows {
		l := line(nil)
		for _, c := range columns {
			l = c.put(l, c.cells[i], c.width()).add(plain, strings.Repeat(" ", gap))
		}
		p.under(depth, l)
	}
	if more > 0 {
		p.under(depth, styled(faint, fmt.Sprintf("and %d more", more)))
	}
	p.blank()
}
