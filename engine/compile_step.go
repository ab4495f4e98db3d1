package engine

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// steps compiles steps in order, so that each sees what those before it
// register.
func (c *compiler) steps(nodes []*syntax.Step, prefix string) []*step {
	out := make([]*step, 0, len(nodes))
	for i, n := range nodes {
		key := strconv.Itoa(i + 1)
		if n.ID != nil {
			key = n.ID.Text
		}
		s := c.step(n, prefix, key)
		c.plan.index[s.path] = s
		out = append(out, s)
	}
	return out
}

func (c *compiler) step(n *syntax.Step, prefix, key string) *step {
	path := prefix + key
	outer, texts := c.path, c.texts
	c.path, c.texts = path, nil
	defer func() { c.path, c.texts = outer, texts }()
	s := &step{node: n, path: path, prefix: len(prefix), register: n.Register, connection: cmp.Or(c.connection, "main")}
	for _, t := range n.Tags {
		s.tags = append(s.tags, t.Text)
	}
	if n.Connection != nil {
		s.connection = c.connectionName(n.Connection)
		around := c.connection
		c.connection = s.connection // steps inside use it too
		defer func() { c.connection = around }()
	}
	s.allowFailure = constantValue(reflect.ValueOf(false))
	if n.AllowFailure != nil {
		s.allowFailure = c.bindScalar(n.AllowFailure, reflect.TypeFor[bool](), field{path: "allow_failure"})
	}
	defer c.paths.leave(c.paths.here())
	if n.ForEach != nil {
		s.loop = c.loop(n.ForEach)
		defer c.names.remove(n.ForEach.Key.Text)
	}
	if n.When != nil {
		s.when = c.expression(n.When, exprSpec{want: reflect.TypeFor[bool]()})
	}
	c.paths.enterStep(s)
	c.modifiers(s)
	c.around = append(c.around, s)
	c.body(s)
	c.around = c.around[:len(c.around)-1]
	c.title(s)
	c.registers(s)
	if n.Repeat != nil {
		s.repeat = c.repeat(n.Repeat)
	}
	c.judge(s)
	return s
}

func (c *compiler) connectionName(n *syntax.Node) string {
	known := []string{"main"}
	for _, k := range c.rb.Connections {
		known = append(known, k.Name.Text)
	}
	if !slices.Contains(known, n.Text) {
		c.add(n.Problem("schema/unknown-connection", fmt.Sprintf("no connection is called %q", n.Text), nearOrAll(n.Text, known)))
	}
	return n.Text
}

func (c *compiler) loop(f *syntax.Field) *loop {
	list := c.expression(f.Value, exprSpec{})
	if list != nil {
		if t := nodeTypeOf(list.code.tree.Node); t != nil && t.Kind() != reflect.Slice && t.Kind() != reflect.Interface {
			c.add(f.Value.Problem("expr/type", fmt.Sprintf("for_each goes through a list, this is %s", kindName(t)), ""))
		}
	}
	c.add(c.names.add(f.Key, types.Any, "a loop variable")...)
	return &loop{name: f.Key.Text, list: list}
}

// modifiers compiles the keys that wrap a step.
func (c *compiler) modifiers(s *step) {
	n := s.node
	if n.Timeout != nil {
		b := c.bindScalar(n.Timeout, typeDuration, field{path: "timeout"})
		s.timeout = &b
	}
	for _, f := range n.Settings {
		s.settings = append(s.settings, setting{
			name: f.Key.Text, node: f.Key,
			value: c.bindScalar(f.Value, reflect.TypeFor[string](), field{path: "settings." + f.Key.Text}),
		})
	}
	if n.Retry != nil {
		s.retry = c.retry(n.Retry)
	}
}

func durationOf(v reflect.Value) time.Duration { return time.Duration(v.Int()) }

func (c *compiler) retry(n *syntax.Retry) *retry {
	number := func(node *syntax.Node, fallback any, name string) bound {
		t := reflect.TypeOf(fallback)
		if node == nil {
			return constantValue(reflect.ValueOf(fallback))
		}
		return c.bindScalar(node, t, field{path: "retry." + name})
	}
	r := &retry{
		attempts: number(n.Attempts, 0, "attempts"),
		delay:    number(n.Delay, retryDelay, "delay"),
		backoff:  number(n.Backoff, 1.0, "backoff"),
		maxDelay: number(n.MaxWait, retryMaxDelay, "max_delay"),
		limit:    number(n.For, time.Duration(0), "for"),
	}
	if n.Attempts != nil && r.attempts.constant() && n.Attempts.Type == syntax.Int && r.attempts.value.Int() < 1 {
		c.add(n.Attempts.Problem("schema/type", "attempts is at least 1", ""))
	}
	if n.Backoff != nil && r.backoff.constant() && (n.Backoff.Type == syntax.Int || n.Backoff.Type == syntax.Float) && r.backoff.value.Float() < 1 {
		c.add(n.Backoff.Problem("schema/type", "backoff is at least 1: each delay is that many times the one before", ""))
	}
	for _, on := range n.On {
		codes, ok := postgres.CodesFor(on.Text)
		if !ok {
			c.add(on.Problem("schema/unknown-condition", fmt.Sprintf("PostgreSQL has no condition %q", on.Text), syntax.DidYouMean(on.Text, postgres.ConditionNames())))
			continue
		}
		r.on = append(r.on, codes...)
	}
	return r
}

// repeat is compiled after the step's body: until sees what it registers.
func (c *compiler) repeat(n *syntax.Repeat) *repeat {
	r := &repeat{every: constantValue(reflect.ValueOf(repeatEvery)), limit: constantValue(reflect.Zero(typeDuration))}
	if n.Until != nil {
		r.until = c.expression(n.Until, exprSpec{want: reflect.TypeFor[bool]()})
	}
	if n.Every != nil {
		r.every = c.bindScalar(n.Every, typeDuration, field{path: "repeat.every"})
	}
	if n.For != nil {
		r.limit = c.bindScalar(n.For, typeDuration, field{path: "repeat.for"})
	}
	return r
}

// body compiles what the step does: its group, or its one action.
func (c *compiler) body(s *step) {
	n := s.node
	var known, rest []syntax.Field
	for _, f := range n.Actions {
		if c.action(f.Key.Text) != nil {
			known = append(known, f)
		} else {
			rest = append(rest, f)
		}
	}
	if n.Group == nil && len(known) == 1 {
		rest = c.actionBody(s, known[0], rest)
	}
	for _, f := range rest {
		var arguments []string
		if s.action != nil {
			arguments = namesOf(c.fields(s.action.args))
		}
		c.unknownKey(f.Key, len(known) > 0 || n.Group != nil, arguments)
	}
	switch {
	case n.Group != nil && len(known) > 0:
		c.add(known[0].Key.Problem("schema/two-actions", fmt.Sprintf("this step is a group and has the action %q too", known[0].Key.Text), "move the action into the group's steps"))
	case n.Group != nil:
		c.groupBody(s)
	case len(known) > 1:
		c.add(known[1].Key.Problem("schema/two-actions", fmt.Sprintf("this step has two actions, %q and %q", known[0].Key.Text, known[1].Key.Text), "make two steps of it"))
	case len(n.Actions) == 0:
		c.add(syntax.Problem{Pos: n.Pos(), Code: "schema/no-action", Message: "this step does nothing", Hint: "give it an action: " + strings.Join(c.actionNames(), ", ")})
	}
}

// actionBody binds the step's action. Beside its short form, `assert: a == b`,
// the action's other arguments may stand as keys of the step; those that are
// none are returned.
func (c *compiler) actionBody(s *step, action syntax.Field, rest []syntax.Field) []syntax.Field {
	c.count++
	s.action = c.action(action.Key.Text)
	all := c.fields(s.action.args)
	short := action.Value.Kind != syntax.Map
	given := make([]*syntax.Node, len(all))
	beside := false
	var strangers []syntax.Field
	for _, f := range rest {
		i := indexOf(all, f.Key.Text)
		switch {
		case i < 0 || all[i].main:
			strangers = append(strangers, f)
		case !short:
			c.add(f.Key.Problem("schema/misplaced-key", fmt.Sprintf("%q is an argument of %s, which is written as a mapping here", f.Key.Text, s.action.Name), "move it into that mapping"))
		default:
			given[i], beside = f.Value, true
		}
	}
	main := slices.IndexFunc(all, func(a field) bool { return a.main })
	if !beside || main < 0 {
		s.args = c.bind(action.Value, s.action.args, field{path: s.action.Name})
		return strangers
	}
	given[main] = action.Value
	s.args = c.bindFields(action.Value, s.action.args, all, given, s.action.Name)
	return strangers
}

func (c *compiler) unknownKey(key *syntax.Node, hasAction bool, arguments []string) {
	names := slices.Concat(syntax.StepKeys(), c.actionNames(), arguments)
	message := fmt.Sprintf("%q is no action and no key of a step", key.Text)
	hint := syntax.DidYouMean(key.Text, names)
	if hint == "" && !hasAction {
		hint = "known actions: " + strings.Join(c.actionNames(), ", ")
	}
	c.add(key.Problem("schema/unknown-key", message, hint))
}

func (c *compiler) action(name string) *Action {
	for i := range c.actions {
		if c.actions[i].Name == name {
			return &c.actions[i]
		}
	}
	return nil
}

func (c *compiler) actionNames() []string {
	out := make([]string, len(c.actions))
	for i, a := range c.actions {
		out[i] = a.Name
	}
	slices.Sort(out)
	return out
}

func (c *compiler) groupBody(s *step) {
	g := s.node.Group
	s.group = &group{recovered: g.Recovered}
	attempt := c.paths.within(condition{why: ", but the failure may have come first"}, func() {
		s.group.steps = c.steps(g.Steps, s.path+"/")
	})
	if len(g.Rescue) > 0 {
		c.names.known["failure"] = known{typ: c.names.result(reflect.TypeFor[FailureInfo]()), what: "the failure"}
		c.paths.within(condition{why: " only after a failure"}, func() {
			s.group.rescue = c.steps(g.Rescue, s.path+"/rescue/")
		})
		c.names.remove("failure")
	}
	s.group.always = c.steps(g.Always, s.path+"/always/")
	if !g.Recovered {
		c.paths.settle(attempt) // what follows the group is reached only when its steps succeeded
	}
}

// title is the step's name, or says what it does.
func (c *compiler) title(s *step) {
	n := s.node
	switch {
	case n.Name != nil:
		s.label = n.Name.Text
		b := c.bindScalar(n.Name, reflect.TypeFor[string](), field{path: "name"})
		s.title = &b
		return
	case n.Group != nil && n.Group.Title != nil:
		s.label = n.Group.Title.Text
		b := c.bindScalar(n.Group.Title, reflect.TypeFor[string](), field{path: "group"})
		s.title = &b
		return
	case s.action == nil:
		return
	}
	s.label = s.action.label(n, c.fields(s.action.args))
	b := constantValue(reflect.ValueOf(s.label))
	s.title = &b
}

// label says what a step without a name does: the action, and its main argument
// or the one that it calls its label.
func (a *Action) label(n *syntax.Step, args []field) string {
	i := slices.IndexFunc(n.Actions, func(f syntax.Field) bool { return f.Key.Text == a.Name })
	v := n.Actions[i].Value
	for _, f := range args {
		if text := labelText(v.Get(f.name)); text != "" && (f.main || f.label) {
			return a.Name + ": " + shortened(text)
		}
	}
	switch {
	case v.Kind == syntax.Scalar:
		return a.Name + ": " + shortened(v.Text)
	case v.Kind == syntax.List && len(v.Items) > 0 && v.Items[0].Kind == syntax.Scalar:
		return a.Name + ": " + shortened(v.Items[0].Text) + ", …"
	}
	return a.Name
}

// labelText is a value as it stands in a label: a text, or a list of texts.
func labelText(n *syntax.Node) string {
	switch {
	case n == nil:
		return ""
	case n.Kind == syntax.Scalar:
		return n.Text
	case n.Kind != syntax.List:
		return ""
	}
	var texts []string
	for _, item := range n.Items {
		if item.Kind == syntax.Scalar {
			texts = append(texts, item.Text)
		}
	}
	return strings.Join(texts, ", ")
}

// registers makes the step's result known to what follows.
func (c *compiler) registers(s *step) {
	if s.action == nil {
		r := s.node.Register
		switch {
		case r != nil && s.group != nil:
			c.add(r.Name.Problem("schema/register", "a group has no result to register", "register inside it"))
		case r != nil: // its action is a problem already; uses of its name are none
			c.add(c.names.add(r.Name, types.Any, "registered")...)
		}
		if id := s.node.ID; id != nil && s.group == nil {
			c.names.steps[id.Text] = reflect.TypeFor[any]()
		}
		return
	}
	if id := s.node.ID; id != nil {
		c.paths.gets("steps."+id.Text, id)
		c.names.steps[id.Text] = s.action.result
		if typ, ok := c.told.step(s.path, s.action.result); ok {
			c.typed[id.Text] = typ
		}
	}
	r := s.node.Register
	if r == nil {
		return
	}
	_, selects := reflect.Zero(s.action.result).Interface().(Selector)
	if !selects && r.Part != syntax.PartAuto {
		c.add(r.Name.Problem("schema/register", fmt.Sprintf("%s has no rows to register", s.action.Name), "write register: "+r.Name.Text))
		return
	}
	typ := c.names.result(s.action.result)
	switch {
	case selects && r.Part == syntax.PartRow:
		typ = types.TypeOf(Row{})
	case selects && r.Part == syntax.PartRows:
		typ = types.TypeOf([]Row{})
	case selects:
		typ = types.Any
	}
	before, again := c.names.known[r.Name.Text]
	if told, ok := c.told.part(s.path, r.Part); ok && selects && (!again || before.typ.Equal(told)) {
		typ = told // a name that is registered with several types says nothing before it runs
	}
	c.add(c.names.add(r.Name, typ, "registered")...)
	c.paths.gets(r.Name.Text, r.Name)
}
