package engine

import (
	"fmt"
	"slices"

	"runbook/engine/postgres"
)

// remains are the statements of which a failed attempt leaves something that the
// next attempt meets, with what that is.
var remains = []remain{
	{[]string{"CREATE", "INDEX"}, invalidIndex},
	{[]string{"CREATE", "UNIQUE"}, invalidIndex},
	{[]string{"REINDEX"}, invalidIndex},
	{[]string{"ALTER", "TABLE"}, "a pending detachment"},
}

type remain struct {
	words []string
	left  string
}

const invalidIndex = "an INVALID index"

// retriesRemains warns of a statement that is tried again and meets what the
// attempt before has left. A DROP INDEX in what is tried again takes it away.
func (c *compiler) retriesRemains(s *step) {
	tried := s.triedAgain(c.around)
	if tried == nil || !slices.ContainsFunc(c.texts, func(t *template) bool { return t.mentions("INDEX") || t.mentions("CONCURRENTLY") }) {
		return
	}
	for _, st := range s.statements(c.texts) {
		if beginsWith(st.Text, "DROP", "INDEX") {
			c.cleared = tried
		}
		i := slices.IndexFunc(remains, func(r remain) bool { return beginsWith(st.Text, r.words...) })
		if i < 0 || st.Class != postgres.NonTransactional || c.cleared == tried && remains[i].left == invalidIndex {
			continue
		}
		p := st.problem()
		p.Code, p.Message = "retry/not-transactional", fmt.Sprintf("a failed attempt leaves %s, which the next one meets", remains[i].left)
		p.Hint = "drop the index first in the same retry: DROP INDEX CONCURRENTLY IF EXISTS …"
		if remains[i].left != invalidIndex {
			p.Hint = "leave retry out; DETACH PARTITION … FINALIZE ends a pending one"
		}
		c.add(p.Warning())
	}
}

// triedAgain is the outermost of the step and those around it that has a retry.
func (s *step) triedAgain(around []*step) *step {
	for _, s := range append(slices.Clone(around), s) {
		if s.retry != nil {
			return s
		}
	}
	return nil
}
