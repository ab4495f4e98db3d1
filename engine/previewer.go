package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// Preview says what the plan would do, without changing anything: it only reads
// the target, in READ ONLY transactions. Without conns it asks no target.
//
// An error that can be tested for ErrNotReady says that the target did not
// answer. What a step would fail for is a finding of the Preview.
func (p *Plan) Preview(ctx context.Context, conns *Connections, info RunInfo) (*Preview, error) {
	v, err := newPreviewer(ctx, p, conns, info)
	if err != nil {
		return nil, err
	}
	out := &Preview{Runbook: p.Name, File: p.File, Digest: p.Digest, Count: p.count, Target: v.target}
	if out.Steps, err = v.steps(ctx, p.steps, place{}); err != nil {
		return nil, err
	}
	v.owing(out.Steps)
	out.Ready = len(out.Open()) == 0
	masked := event.Masked(event.NewMask(v.x.secretValues()), *out)
	return &masked, nil
}

// previewer is one walk through a plan that runs nothing.
type previewer struct {
	x       *executor // its scope knows what is known before a run
	online  bool
	target  *TargetInfo
	guarded map[string]bool // connections that are made read-only
	menders []mender
	facts   []any
	owed    []debt
	common  map[commonFinding]string // the number of the first step that has it
}

func newPreviewer(ctx context.Context, p *Plan, conns *Connections, info RunInfo) (*previewer, error) {
	v := &previewer{online: conns != nil, guarded: map[string]bool{}, common: map[commonFinding]string{}}
	ahead := &foresight{unknown: []string{"run.id", "run.started", "random()", "now()"}}
	if !v.online {
		conns = NewConnections(nil, "")
		ahead.unknown = append(ahead.unknown, "run.engine")
	}
	v.x = &executor{plan: p, conns: conns, info: info}
	if v.online {
		if err := v.identify(ctx); err != nil {
			return nil, err
		}
	}
	v.x.scope = newScope(v.x.info)
	v.x.scope.ahead = ahead
	if err := v.x.variables(); err != nil {
		return nil, &StartError{err}
	}
	return v, nil
}

func (v *previewer) identify(ctx context.Context) error {
	if _, err := v.session(ctx, "main"); err != nil {
		return &StartError{fmt.Errorf("%w: %w", ErrNotReady, err)}
	}
	id, err := v.x.conns.identify(ctx)
	if err != nil {
		return &StartError{fmt.Errorf("%w: %w", ErrNotReady, err)}
	}
	v.x.info.Engine = id.engine
	v.target = &TargetInfo{
		Address: v.x.conns.target.String(), Database: id.database, Server: id.server, Engine: id.engine, Label: id.label,
	}
	return nil
}

// guard makes a session one that cannot write and holds no one up.
const guard = `SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false),
       pg_catalog.set_config('lock_timeout', '2s', false), pg_catalog.set_config('statement_timeout', '10s', false)`

// session is a connection's session, which can only read.
func (v *previewer) session(ctx context.Context, name string) (*session, error) {
	for _, k := range v.x.plan.conns {
		if k.name == name && k.dsn != nil && v.x.conns.where[name] == nil {
			return nil, fmt.Errorf("connection %s: where it leads is known when it runs", name)
		}
	}
	s, err := v.x.conns.session(ctx, name)
	if err != nil || v.guarded[name] {
		return s, err
	}
	if _, err := s.Query(ctx, guard); err != nil {
		return nil, fmt.Errorf("make connection %s read-only: %w", name, err)
	}
	v.guarded[name] = true
	return s, nil
}

// place is where steps stand in a preview.
type place struct {
	number  string // of the step around, with a dot
	path    string // likewise, with a slash
	failure bool   // the steps run only after a failure
	depends bool   // on what is known when the step around runs
}

func (v *previewer) steps(ctx context.Context, list []*step, at place) ([]StepPreview, error) {
	var out []StepPreview
	for i, s := range list {
		if err := ctx.Err(); err != nil {
			return out, context.Cause(ctx)
		}
		more, err := v.step(ctx, s, fmt.Sprintf("%s%d", at.number, i+1), at)
		if err != nil {
			return out, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// mostItems is how many turns of a loop a preview shows one by one.
const mostItems = 20

// step previews each turn of a step's loop, or its one.
func (v *previewer) step(ctx context.Context, s *step, number string, at place) ([]StepPreview, error) {
	if s.loop == nil {
		one, err := v.turn(ctx, s, number, at.path+s.key(), at)
		return []StepPreview{one}, err
	}
	items, err := s.loop.items(v.x.scope)
	defer v.x.scope.unset(s.loop.name)
	switch waits := waitsFor(err); {
	case waits != nil:
		at.depends = true
		one, err := v.turn(ctx, s, number, at.path+s.key(), at)
		one.DependsOn = append(one.DependsOn, waits...)
		one.note("for each %s of %s, which is known when it runs", s.loop.name, s.loop.list.text)
		return []StepPreview{one}, err
	case err != nil:
		one := v.outline(s, number, at.path+s.key(), at)
		one.fails(err)
		return []StepPreview{one}, nil
	case len(items) == 0:
		one := v.outline(s, number, at.path+s.key(), at)
		one.skip("for_each: " + s.loop.list.text + " is empty")
		return []StepPreview{one}, nil
	}
	var out []StepPreview
	for i, item := range items {
		if i == mostItems {
			out[len(out)-1].note("and %d more of %s", len(items)-i, s.loop.list.text)
			break
		}
		v.x.scope.set(s.loop.name, item)
		suffix := fmt.Sprintf("[%d]", i+1)
		one, err := v.turn(ctx, s, number+suffix, at.path+s.key()+suffix, at)
		if err != nil {
			return out, err
		}
		out = append(out, one)
	}
	return out, nil
}

// outline is what is known of a step by itself.
func (v *previewer) outline(s *step, number, path string, at place) StepPreview {
	p := StepPreview{Number: number, Path: path, ID: s.id(), Title: s.label, Action: s.verb(), Place: placeOf(s.node.Pos()), Decision: WillRun}
	if title, err := s.title.get(v.x.scope); err == nil {
		p.Title = title.String()
	}
	if s.register != nil {
		p.Registers = s.register.Name.Text
	}
	switch {
	case at.failure:
		p.Decision = OnFailure
	case at.depends:
		p.Decision = Depends
	}
	return p
}

func (p *StepPreview) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

func (p *StepPreview) skip(reason string) { p.Decision, p.Reason = WillSkip, reason }

// fails makes an error that a run would end with a finding.
func (p *StepPreview) fails(err error) {
	f := failureOf(nil, err)
	finding := Finding{What: f.Message, Fix: f.Hint}
	if f.SQLState != "" {
		finding.What += " (" + f.SQLState + ")"
	}
	p.Findings = append(p.Findings, finding)
}

// turn previews one turn of a step.
func (v *previewer) turn(ctx context.Context, s *step, number, path string, at place) (StepPreview, error) {
	p := v.outline(s, number, path, at)
	if s.when != nil {
		holds, err := s.when.condition(v.x.scope, nil)
		switch waits := waitsFor(err); {
		case waits != nil:
			p.Reason, p.DependsOn = "when: "+s.when.text, waits
			if p.Decision == WillRun {
				p.Decision = Depends
			}
		case err != nil:
			p.fails(err)
			return p, nil
		case !holds:
			p.skip("when: " + s.when.text)
			return p, nil
		}
	}
	v.modifiers(s, &p)
	back, err := v.searchPath(ctx, s)
	if err != nil {
		p.fails(err)
		return p, nil
	}
	if s.group != nil {
		err = v.group(ctx, s.group, &p, at)
	} else {
		err = v.action(ctx, s, &p)
	}
	back()
	return p, err
}

func (v *previewer) group(ctx context.Context, g *group, p *StepPreview, at place) error {
	for _, part := range []struct {
		steps   []*step
		name    string
		failure bool
	}{{g.steps, "", at.failure}, {g.rescue, "rescue", true}, {g.always, "always", at.failure}} {
		in := place{number: p.Number + ".", path: p.Path + "/", failure: part.failure, depends: p.Decision == Depends}
		if part.name != "" {
			in.number += part.name + "."
			in.path += part.name + "/"
		}
		inner, err := v.steps(ctx, part.steps, in)
		p.Steps = append(p.Steps, inner...)
		if err != nil {
			return err
		}
	}
	return nil
}

// action asks the step's action what it would do.
func (v *previewer) action(ctx context.Context, s *step, p *StepPreview) error {
	v.x.scope.ahead.open = map[string][]string{}
	args, err := s.arguments(v.x.scope)
	if err != nil {
		p.fails(err)
		return nil
	}
	env := &PlanEnv{v: v, step: s, at: p, number: p.Number, path: p.Path, open: v.x.scope.ahead.open}
	planner, ok := args.Addr().Interface().(Planner)
	if !ok {
		p.Forecast = joined(p.Forecast, unplanned(s, args))
		v.remember(p.Number, args)
		return nil
	}
	f, err := planner.Plan(ctx, env)
	var lost *postgres.LostError
	switch {
	case errors.As(err, &lost), errors.Is(err, postgres.ErrConnect), ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	case err != nil:
		p.fails(err)
	}
	for i := range f.Findings {
		f.Findings[i].RepairedBy = v.repair(f.Findings[i])
		v.refer(s.connection, p, &f.Findings[i])
	}
	if f.Holds != "" && p.Decision != OnFailure {
		p.Decision, p.Reason = Holds, f.Holds
	}
	p.Forecast = joined(p.Forecast, f)
	v.remember(p.Number, args)
	return nil
}

// commonFinding is a finding that several steps may have. What is open for one of
// them and not for another is told of both.
type commonFinding struct {
	connection, text, repairedBy string
	onFailure                    bool
}

// refer lets a finding refer to the first step that has it.
func (v *previewer) refer(connection string, p *StepPreview, f *Finding) {
	if f.Common == "" {
		return
	}
	key := commonFinding{connection, f.Common, f.RepairedBy, p.Decision == OnFailure}
	first, told := v.common[key]
	if !told {
		v.common[key] = p.Number
		return
	}
	f.SameAs, f.Fix = first, ""
}

// joined adds what the action says to what is known of its step.
func joined(step, action Forecast) Forecast {
	action.Notes = append(action.Notes, step.Notes...)
	action.Findings = append(action.Findings, step.Findings...)
	return action
}

// unplanned is the forecast of an action that is no Planner.
func unplanned(s *step, args reflect.Value) Forecast {
	if s.changes(args) {
		return Forecast{Kind: EffectWrite, Opaque: true}
	}
	return Forecast{Kind: EffectRead}
}

// remember keeps the changing statements of a step, which may repair what a later
// one needs.
func (v *previewer) remember(number string, args reflect.Value) {
	for _, s := range sqlIn(args) {
		for _, st := range s.Statements() {
			if st.Class != postgres.Read && st.Class != postgres.Setting {
				v.mends(number, st.Text)
			}
		}
	}
}

// modifiers notes what the keys of the step do to its execution.
func (v *previewer) modifiers(s *step, p *StepPreview) {
	text := func(b bound) string {
		value, err := b.get(v.x.scope)
		switch waits := waitsFor(err); {
		case waits != nil:
			return "a value that depends on " + strings.Join(waits, ", ")
		case err != nil:
			return err.Error()
		case b.value.IsValid() && b.value.Type() == typeDuration:
			return short(durationOf(value))
		}
		return fmt.Sprint(value.Interface())
	}
	for _, set := range s.settings {
		p.note("%s = %s", set.name, text(set.value))
	}
	if s.timeout != nil {
		p.note("at most %s", text(*s.timeout))
	}
	if r := s.retry; r != nil {
		if l, err := r.limits(v.x.scope); err == nil {
			p.note("%s", l.text(s.node.Retry.On))
		}
	}
	if s.repeat != nil {
		p.note("again until %s, at most %s", s.repeat.until.text, text(s.repeat.limit))
	}
	if s.node.AllowFailure != nil && text(s.allowFailure) != "false" {
		p.note("may fail")
	}
	if s.connection != "main" {
		p.note("on connection %s", s.connection)
	}
}

// searchPath makes the step's search_path hold for what is read about it, until
// back is called. Other settings do not change what is found.
func (v *previewer) searchPath(ctx context.Context, s *step) (back func(), err error) {
	back = func() {}
	for _, set := range s.settings {
		if !strings.EqualFold(set.name, "search_path") || !v.online {
			continue
		}
		value, err := set.value.get(v.x.scope)
		if waitsFor(err) != nil {
			return back, nil
		} else if err != nil {
			return back, err
		}
		sess, err := v.session(ctx, s.connection)
		if err != nil {
			return back, err
		}
		r, err := sess.Query(ctx, "SELECT pg_catalog.current_setting('search_path')")
		if err != nil {
			return back, err
		}
		if _, err := sess.Query(ctx, "SELECT pg_catalog.set_config('search_path', $1, false)", value.String()); err != nil {
			return back, err
		}
		back = func() { // what cannot be put back is said by the next read
			_, _ = sess.Query(ctx, "SELECT pg_catalog.set_config('search_path', $1, false)", r.Rows[0][0])
		}
	}
	return back, nil
}
