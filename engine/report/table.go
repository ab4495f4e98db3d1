package report

import "strings"

const (
	gap      = 2 // between columns
	groupGap = 3 // between groups of them
)

// column is cells of one width with a heading.
type column struct {
	heading string
	cells   []span
	right   bool // aligned to the right
}

func (c column) width() int {
	n := length(c.heading)
	for _, cell := range c.cells {
		n = max(n, length(clean(cell.text)))
	}
	return n
}

func (c column) empty() bool { return c.width() == 0 }

func (c column) cut(width int) column {
	out := column{c.heading, nil, c.right}
	for _, cell := range c.cells {
		out.cells = append(out.cells, span{cell.style, cut(cell.text, width)})
	}
	return out
}

func (c column) put(l line, s span, width int) line {
	space := strings.Repeat(" ", max(width-length(clean(s.text)), 0))
	if c.right {
		return l.add(plain, space).add(s.style, s.text)
	}
	return l.add(s.style, s.text).add(plain, space)
}

// group is columns under a common name.
type group struct {
	name    string
	columns []column
}

func (g group) width() int {
	n := -gap
	for _, c := range g.columns {
		n += gap + c.width()
	}
	return max(n, length(g.name))
}

// table is a column of names and groups of columns beside it.
type table struct {
	names  column
	groups []group
}

func (t table) width() int {
	n := t.names.width()
	for _, g := range t.groups {
		n += groupGap + g.width()
	}
	return n
}

func (t table) lines() []line {
	between := strings.Repeat(" ", groupGap)
	head := line(nil).pad(t.names.width())
	under := t.names.put(nil, span{faint, t.names.heading}, t.names.width())
	rows := make([]line, len(t.names.cells))
	for i, cell := range t.names.cells {
		rows[i] = t.names.put(nil, cell, t.names.width())
	}
	for _, g := range t.groups {
		head = head.add(plain, between).join(styled(strong, g.name).pad(g.width()))
		under = under.add(plain, between)
		width := 0
		for i := range rows {
			rows[i] = rows[i].add(plain, between)
		}
		for k, c := range g.columns {
			space := ""
			if k > 0 {
				space = strings.Repeat(" ", gap)
			}
			w := c.width()
			width += len(space) + w
			under = c.put(under.add(plain, space), span{faint, c.heading}, w)
			for i, cell := range c.cells {
				rows[i] = c.put(rows[i].add(plain, space), cell, w)
			}
		}
		rest := g.width() - width
		under = under.add(plain, strings.Repeat(" ", rest))
		for i := range rows {
			rows[i] = rows[i].add(plain, strings.Repeat(" ", rest))
		}
	}
	return append([]line{head, under}, rows...)
}
