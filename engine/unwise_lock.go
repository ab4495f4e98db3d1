package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"runbook/engine/postgres"
)

const lockTimeout = "lock_timeout"

// waitsEndlessly warns of a lock_timeout of 0 on DDL that readers or writers
// wait for: they queue up behind the DDL for as long as it waits.
//
// Note: a lock_timeout that is not given is 0 as well, mostly. To warn of it too
// was tried: it hits every DROP TABLE of a table that nobody uses, and cannot
// see what the role or the database sets.
func (c *compiler) waitsEndlessly(s *step) {
	endless := s.settles(c.around)
	if !endless && !slices.ContainsFunc(c.texts, func(t *template) bool { return t.mentions("LOCK_TIMEOUT") }) {
		return
	}
	for _, st := range s.statements(c.texts) {
		if m := setLockTimeout.FindStringSubmatch(st.Text); m != nil {
			endless = isZero(m[1])
		}
		table, stalled := stalls(st)
		if !endless || !stalled || st.Class != postgres.DDL {
			continue
		}
		p := st.problem()
		p.Code = "lock/endless-wait"
		p.Message = fmt.Sprintf("with lock_timeout 0 this waits for %s without end, and its users wait behind it", strings.Trim(table, `"`))
		p.Hint = "give it a short lock_timeout and a retry"
		c.add(p.Warning())
	}
}

// settles says whether the step's settings, or those around it, give it a
// lock_timeout of 0. The innermost counts.
func (s *step) settles(around []*step) bool {
	for _, s := range slices.Backward(append(slices.Clone(around), s)) {
		for _, set := range s.settings {
			if strings.EqualFold(set.name, lockTimeout) {
				return set.value.constant() && isZero(set.value.value.String())
			}
		}
	}
	return false
}

var (
	setLockTimeout = regexp.MustCompile(`(?i)^\s*SET\s+(?:SESSION\s+|LOCAL\s+)?lock_timeout\s*(?:=|\bTO\b)\s*(\S+?)\s*;?\s*$`)
	zero           = regexp.MustCompile(`^0+ *(?:us|ms|s|min|h|d)?$`)
)

func isZero(text string) bool { return zero.MatchString(strings.Trim(text, "' ")) }
