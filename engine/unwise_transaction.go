package engine

import (
	"fmt"
	"slices"
	"strings"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// Loner is an action that an open transaction may be in the way of. Alone says
// what it does that cannot be in one, "" when nothing is.
type Loner interface {
	Alone() string
}

// openTransaction follows BEGIN and COMMIT through the steps of a connection and
// warns of what cannot run between them.
func (c *compiler) openTransaction(s *step) {
	if s.action == nil {
		return
	}
	begin := c.opened[s.connection]
	if begin != nil {
		if loner, ok := argumentsAs[Loner](s); ok && loner.Alone() != "" {
			c.inTransaction(s.actionKey().Problem("", "", ""), loner.Alone(), begin.node.Pos().Line)
		}
	}
	if begin == nil && !slices.ContainsFunc(c.texts, begins) {
		return // as almost all steps
	}
	for _, st := range s.statements(c.texts) {
		switch begin := c.opened[s.connection]; {
		case st.Class == postgres.Transaction:
			c.follow(s, st)
		case st.Class == postgres.NonTransactional && begin != nil:
			c.inTransaction(st.problem(), opening(st.Text), begin.node.Pos().Line)
		}
	}
}

// actionKey is the key of the step's action.
func (s *step) actionKey() *syntax.Node {
	i := slices.IndexFunc(s.node.Actions, func(f syntax.Field) bool { return f.Key.Text == s.action.Name })
	return s.node.Actions[i].Key
}

// follow notes which step has begun a transaction that is still open.
func (c *compiler) follow(s *step, st Statement) {
	if c.opened == nil {
		c.opened = map[string]*step{}
	}
	switch firstWord(st.Text) {
	case "BEGIN", "START":
		c.opened[s.connection] = s
	case "COMMIT", "END", "ABORT":
		delete(c.opened, s.connection)
	case "ROLLBACK":
		if !beginsWith(st.Text, "ROLLBACK", "TO") {
			delete(c.opened, s.connection)
		}
	}
}

func (c *compiler) inTransaction(at syntax.Problem, what string, line int) {
	at.Code, at.Message = "transaction/refused", what+" cannot run in a transaction"
	at.Hint = fmt.Sprintf("line %d begins one: commit it first", line)
	c.add(at.Warning())
}

// opening is what a statement begins with, enough to know it: "CREATE INDEX
// CONCURRENTLY", or the function that it calls.
func opening(stmt string) string {
	stmt, _, _ = strings.Cut(stmt, "(")
	words := strings.Fields(stmt)
	return strings.Join(words[:min(len(words), 3)], " ")
}

func begins(t *template) bool {
	return t.mentions("BEGIN") || t.mentions("START")
}

// mentions looks for a word, given in upper case, in the text.
func (t *template) mentions(word string) bool {
	text := t.node.Text
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]&^0x20 == word[0] && strings.EqualFold(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// problem is one at the statement's first word.
func (st Statement) problem() syntax.Problem {
	pos, exact, _ := st.place(0)
	p := syntax.Problem{Pos: pos, Width: 1}
	if exact {
		p.Width = max(1, len(firstWord(st.Text)))
	}
	return p
}
