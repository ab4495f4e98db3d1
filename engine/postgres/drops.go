package postgres

import "strings"

// Drop is a constraint, or a table, that a statement drops by name.
type Drop struct {
	Table      string // as the statement writes it, for to_regclass
	Constraint string // its name, "" when the table itself is dropped
	Cascade    bool   // what depends on it goes too
}

// Drops are the constraints that an ALTER TABLE drops, and the tables of a DROP
// TABLE. A column takes its constraints along; those are not told.
func Drops(stmt string) []Drop {
	p := &lockParser{list: tokens(stmt)}
	switch p.word() {
	case "ALTER":
		if p.word() == "TABLE" {
			return p.droppedConstraints()
		}
	case "DROP":
		if p.word() == "TABLE" {
			return p.droppedTables()
		}
	}
	return nil
}

func (p *lockParser) droppedConstraints() []Drop {
	p.skip("IF", "EXISTS", "ONLY")
	table := p.name()
	if p.at < len(p.list) && p.list[p.at].text == "*" {
		p.at++
	}
	var out []Drop
	for _, c := range p.commands() {
		if c.word() != "DROP" || c.word() != "CONSTRAINT" {
			continue
		}
		c.skip("IF", "EXISTS")
		if name := c.name(); name != "" {
			out = append(out, Drop{Table: table, Constraint: unquoted(name), Cascade: c.has("CASCADE")})
		}
	}
	return out
}

func (p *lockParser) droppedTables() []Drop {
	p.skip("IF", "EXISTS")
	cascade := p.has("CASCADE")
	var out []Drop
	for _, l := range p.names(AccessExclusive) {
		out = append(out, Drop{Table: l.Table, Cascade: cascade})
	}
	return out
}

// unquoted is the name behind a written one.
func unquoted(name string) string {
	if len(name) < 2 || name[0] != '"' {
		return name
	}
	return strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
}
