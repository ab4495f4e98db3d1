package postgres

import (
	"iter"
	"strings"
)

// Drop is a constraint, a column or a table that a statement drops by name.
type Drop struct {
	Table      string // as the statement writes it, for to_regclass
	Constraint string // its name, or
	Column     string // its name; where both are "" the table itself is dropped
	Cascade    bool   // what depends on it goes too
}

// Drops are the constraints and columns that an ALTER TABLE drops, and the tables
// of a DROP TABLE.
func Drops(stmt string) []Drop {
	p := &lockParser{list: tokens(stmt)}
	switch p.word() {
	case "ALTER":
		if p.word() == "TABLE" {
			return p.droppedParts()
		}
	case "DROP":
		if p.word() == "TABLE" {
			return p.droppedTables()
		}
	}
	return nil
}

func (p *lockParser) droppedParts() []Drop {
	var out []Drop
	for table, c := range p.altered() {
		if c.word() != "DROP" {
			continue
		}
		kind := c.peek()
		c.skip("CONSTRAINT", "COLUMN")
		c.skip("IF", "EXISTS")
		name := unquoted(c.name())
		d := Drop{Table: table, Column: name, Cascade: c.has("CASCADE")}
		if kind == "CONSTRAINT" {
			d.Column, d.Constraint = "", name
		}
		if name != "" {
			out = append(out, d)
		}
	}
	return out
}

// altered are the sub-commands of an ALTER TABLE, each with the table.
func (p *lockParser) altered() iter.Seq2[string, *lockParser] {
	p.skip("IF", "EXISTS", "ONLY")
	table := p.name()
	if p.at < len(p.list) && p.list[p.at].text == "*" {
		p.at++
	}
	return func(yield func(string, *lockParser) bool) {
		for _, c := range p.commands() {
			if !yield(table, c) {
				return
			}
		}
	}
}

// Added is a constraint that a statement adds or validates.
type Added struct {
	Table      string // as the statement writes it, for to_regclass
	Constraint string
}

// Adds are the constraints that hold for all rows when an ALTER TABLE is through:
// those that it adds, but not NOT VALID, and those that it validates.
func Adds(stmt string) []Added {
	p := &lockParser{list: tokens(stmt)}
	if p.word() != "ALTER" || p.word() != "TABLE" {
		return nil
	}
	var out []Added
	for table, c := range p.altered() {
		first := c.word()
		if first != "ADD" && first != "VALIDATE" || c.word() != "CONSTRAINT" || c.follows("NOT", "VALID") {
			continue
		}
		if name := unquoted(c.name()); name != "" {
			out = append(out, Added{Table: table, Constraint: name})
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
