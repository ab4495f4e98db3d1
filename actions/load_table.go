package actions

import (
	"runbook/engine/event"
)

// showLoad puts on record how the loads fared.
func (w *watch) showLoad(results map[string]LoadResult) error {
	e := event.LoadMeasured{Step: w.env.Step()}
	for _, l := range w.loads {
		if l.args.Connections > 0 {
			e.Loads = append(e.Loads, results[l.name].event(l.name))
		}
	}
	if len(e.Loads) == 0 {
		return nil
	}
	return w.env.Emit(e)
}

func (r LoadResult) event(name string) event.MeasuredLoad {
	m := event.MeasuredLoad{Load: name, Unsent: r.Unsent, Reconnects: r.Reconnects}
	for _, p := range []struct {
		name string
		LoadFigures
	}{{"before", r.Before}, {"during", r.During}, {"in windows", r.InWindows}, {"after", r.After}} {
		if p.N+p.Errors > 0 {
			m.Phases = append(m.Phases, event.MeasuredTime{
				Phase: p.name, N: p.N, TPS: p.TPS, Errors: p.Errors,
				P50: event.Duration(p.P50), P95: event.Duration(p.P95), P99: event.Duration(p.P99), Max: event.Duration(p.Max),
				Stall: event.Duration(p.LongestStall), StalledAt: p.StalledAt,
			})
		}
	}
	for _, state := range sortedKeys(r.ErrorsByState) {
		first := r.FirstErrors[state]
		m.Errors = append(m.Errors, event.LoadError{
			SQLState: state, Condition: stateName(state), N: r.ErrorsByState[state], During: r.During.ErrorsByState[state],
			First: first.At, Message: first.Message, Detail: first.Detail,
		})
	}
	return m
}

// windowLoads is how each load fared in a window.
func windowLoads(loads []*loader, fared func(*loader) LoadWindow) map[string]LoadWindow {
	out := map[string]LoadWindow{}
	for _, l := range loads {
		if l.args.Connections > 0 {
			out[l.name] = fared(l)
		}
	}
	return out
}
