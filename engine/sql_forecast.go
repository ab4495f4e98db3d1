package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// Forecast is what the statements would do, as far as their text tells.
func (s *SQL) Forecast() Forecast {
	f := Forecast{Kind: EffectSession}
	for _, st := range s.Statements() {
		kind := st.effect()
		f.Kind = stronger(f.Kind, kind)
		f.Statements = append(f.Statements, StatementForecast{SQL: st.shown(), Kind: kind, DependsOn: st.waits()})
		locks := postgres.Locks(st.Text)
		for _, l := range locks {
			f.lock(l)
		}
		f.Opaque = f.Opaque || kind == EffectWrite && len(locks) == 0
	}
	if s.vague && s.raw {
		f.Kind = EffectUnknown
	}
	if s.raw {
		f.Notes = append(f.Notes, "raw text is inserted: ${raw(…)}")
	}
	if len(s.open) > 0 {
		f.Notes = append(f.Notes, "text known when it runs: depends on "+strings.Join(distinct(s.open), ", "))
	}
	return f
}

// effect is the statement's own.
func (st Statement) effect() Effect {
	switch st.Class {
	case postgres.Read:
		return EffectRead
	case postgres.DDL:
		return EffectDDL
	case postgres.NonTransactional:
		return EffectPermanent
	case postgres.Transaction, postgres.Setting:
		return EffectSession
	default:
		return EffectWrite
	}
}

var effectOrder = []Effect{EffectSession, EffectRead, EffectWrite, EffectDDL, EffectPermanent, EffectUnknown}

func stronger(a, b Effect) Effect {
	if slices.Index(effectOrder, b) > slices.Index(effectOrder, a) {
		return b
	}
	return a
}

// lock adds a lock; of two on one table the stronger stays.
func (f *Forecast) lock(l postgres.Lock) {
	for i, have := range f.Locks {
		if have.Table == l.Table && have.Note == "" {
			f.Locks[i].Mode = postgres.Stronger(have.Mode, l.Mode)
			return
		}
	}
	f.Locks = append(f.Locks, LockForecast{Table: l.Table, Mode: l.Mode})
}

// waits is what the values inserted into the statement wait for.
func (st Statement) waits() []string {
	if st.sql == nil || len(st.sql.open) == 0 || st.shown() == st.Text {
		return nil
	}
	return distinct(st.sql.open)
}

func distinct(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// sqlIn finds the SQL texts in an action's arguments, in their order; those of
// steps inside belong to the steps.
func sqlIn(v reflect.Value) []SQL {
	switch {
	case v.Type() == typeSQL:
		if s := v.Interface().(SQL); s.Text != "" {
			return []SQL{s}
		}
		return nil
	case v.Type() == typeSteps || reflect.PointerTo(v.Type()).Implements(typeExpr):
		return nil
	}
	var out []SQL
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out = sqlIn(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out = append(out, sqlIn(v.Field(i))...)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, sqlIn(v.Index(i))...)
		}
	}
	return out
}

// short writes a duration without the zeros behind it: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// text says the bounds in words.
func (l limits) text(on []*syntax.Node) string {
	parts := []string{"retried"}
	if len(on) > 0 {
		names := make([]string, len(on))
		for i, n := range on {
			names[i] = n.Text
		}
		parts = append(parts, "on "+strings.Join(names, ", "))
	}
	if l.attempts > 0 {
		parts = append(parts, fmt.Sprintf("up to %d attempts", l.attempts))
	}
	if l.limit > 0 {
		parts = append(parts, "for "+short(l.limit))
	}
	return strings.Join(parts, " ")
}

// With is the forecast of doing both.
func (f Forecast) With(other Forecast) Forecast {
	f.Kind = stronger(f.Kind, other.Kind)
	f.Opaque = f.Opaque || other.Opaque
	f.Statements = append(f.Statements, other.Statements...)
	f.Notes = append(f.Notes, other.Notes...)
	for _, l := range other.Locks {
		f.lock(postgres.Lock{Table: l.Table, Mode: l.Mode})
	}
	return f
}
