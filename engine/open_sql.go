package engine

import (
	"reflect"
	"strings"

	"runbook/engine/postgres"
)

// leaveOpen is what stands in the text for a value that is not known yet: NULL
// for a value, a quoted name for a name, nothing for raw text.
func (s *SQL) leaveOpen(p *program, names []string) string {
	text := "${" + strings.TrimSpace(p.text) + "}"
	s.segments[len(s.segments)-1].shown = text
	s.open = append(s.open, names...)
	if p.code.typ() != reflect.TypeFor[inSQL]() {
		return "NULL"
	}
	s.vague = true
	if strings.Contains(p.text, fnIdent+"(") {
		return postgres.Ident(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
	}
	s.raw = true
	return " "
}

// shown is the statement as a plan shows it: with ${…} where a value is not
// known yet.
func (st Statement) shown() string {
	if st.sql == nil || len(st.sql.open) == 0 {
		return st.Text
	}
	var b strings.Builder
	end := st.offset + len(st.Text)
	for i, seg := range st.sql.segments {
		to := len(st.sql.Text)
		if i+1 < len(st.sql.segments) {
			to = st.sql.segments[i+1].at
		}
		from, to := max(seg.at, st.offset), min(to, end)
		switch {
		case from >= to:
		case seg.shown != "":
			b.WriteString(seg.shown)
		default:
			b.WriteString(st.sql.Text[from:to])
		}
	}
	return b.String()
}
