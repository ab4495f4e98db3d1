package syntax

import (
	"fmt"
	"slices"
)

func sorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return out
}

func (p *parser) steps(n *Node) []*Step {
	if n.Kind != List {
		p.add(n, "schema/type", fmt.Sprintf("steps is a list, this is %s", n.What()), "write each step as an entry that begins with -")
		return nil
	}
	if len(n.Items) == 0 {
		p.add(n, "schema/empty", "this list has no steps", "")
	}
	var out []*Step
	for _, item := range n.Items {
		if s := p.step(item); s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (p *parser) step(n *Node) *Step {
	if n.Kind != Map {
		p.add(n, "schema/type", fmt.Sprintf("a step is a mapping, this is %s", n.What()), "for example: - sql: SELECT 1")
		return nil
	}
	s := &Step{Node: n}
	var group *Group
	part := func() *Group { // of a group, or of what is none
		if group == nil {
			group = &Group{}
		}
		return group
	}
	isGroup := false
	for _, f := range n.Fields {
		switch v := f.Value; f.Key.Text {
		case "id":
			s.ID = p.name(v, "a step")
		case "name":
			s.Name = p.scalar(v, "name")
		case "when":
			s.When = p.scalar(v, "when")
		case "register":
			s.Register = p.register(v)
		case "connection":
			s.Connection = p.scalar(v, "connection")
		case "settings":
			s.Settings = p.settings(v)
		case "timeout":
			s.Timeout = p.scalar(v, "timeout")
		case "retry":
			s.Retry = p.retry(v)
		case "repeat":
			s.Repeat = p.repeat(v)
		case "for_each":
			s.ForEach = p.forEach(v)
		case "tags":
			s.Tags = p.scalars(v, "tags")
		case "allow_failure":
			s.AllowFailure = p.scalar(v, "allow_failure")
		case "group":
			part().Title, isGroup = p.scalar(v, "group"), true
		case "steps":
			part().Steps = p.steps(v)
		case "rescue":
			part().Rescue, part().Recovered = p.rescue(v)
		case "always":
			part().Always = p.steps(v)
		default:
			s.Actions = append(s.Actions, f)
		}
	}
	if isGroup {
		s.Group = group
	}
	p.groupKeys(n, isGroup)
	return s
}

// groupKeys reports a group without steps, and keys of a group on a step that
// is none.
func (p *parser) groupKeys(n *Node, isGroup bool) {
	if isGroup && n.lacks("steps") {
		p.add(n.Get("group"), "schema/missing-key", "this group has no steps", "")
	}
	if isGroup {
		return
	}
	for _, f := range n.Fields {
		if slices.Contains([]string{"steps", "rescue", "always"}, f.Key.Text) {
			p.add(f.Key, "schema/group-key", fmt.Sprintf("%q belongs to a group, and this step is none", f.Key.Text), "add: group: TITLE")
		}
	}
}

func (p *parser) register(n *Node) *Register {
	if n.Kind != Map {
		if name := p.name(n, "a registered value"); name != nil {
			return &Register{Name: name}
		}
		return nil
	}
	r := &Register{}
	p.keys(n, "register", map[string]func(*Node){
		"row":  func(n *Node) { r.Part, r.Name = PartRow, p.name(n, "a registered row") },
		"rows": func(n *Node) { r.Part, r.Name = PartRows, p.name(n, "registered rows") },
	})
	if len(n.Fields) > 1 {
		p.add(n, "schema/register", "register names one thing: a value, {row: NAME} or {rows: NAME}", "")
	}
	if r.Name == nil {
		return nil
	}
	return r
}

func (p *parser) settings(n *Node) []Field {
	if n.Kind != Map {
		p.add(n, "schema/type", fmt.Sprintf("settings is a mapping, this is %s", n.What()), "for example: settings: {lock_timeout: 2s}")
		return nil
	}
	var out []Field
	for _, f := range n.Fields {
		if p.scalar(f.Value, "a setting") != nil {
			out = append(out, f)
		}
	}
	return out
}

func (p *parser) retry(n *Node) *Retry {
	r := &Retry{Node: n}
	ok := p.keys(n, "retry", map[string]func(*Node){
		"attempts":  func(n *Node) { r.Attempts = p.scalar(n, "attempts") },
		"delay":     func(n *Node) { r.Delay = p.scalar(n, "delay") },
		"backoff":   func(n *Node) { r.Backoff = p.scalar(n, "backoff") },
		"max_delay": func(n *Node) { r.MaxWait = p.scalar(n, "max_delay") },
		"for":       func(n *Node) { r.For = p.scalar(n, "for") },
		"on":        func(n *Node) { r.On = p.scalars(n, "on") },
	})
	if ok && n.lacks("attempts") && n.lacks("for") && !n.misspells("attempts") && !n.misspells("for") {
		p.add(n, "schema/unbounded", "this retry has no end", "add attempts: 5 or for: 60s")
	}
	return r
}

func (p *parser) repeat(n *Node) *Repeat {
	r := &Repeat{Node: n}
	ok := p.keys(n, "repeat", map[string]func(*Node){
		"until": func(n *Node) { r.Until = p.scalar(n, "until") },
		"every": func(n *Node) { r.Every = p.scalar(n, "every") },
		"for":   func(n *Node) { r.For = p.scalar(n, "for") },
	})
	if ok && n.lacks("until") {
		p.add(n, "schema/missing-key", "repeat needs until, the expression that ends it", "")
	}
	if ok && n.lacks("for") {
		p.add(n, "schema/unbounded", "this repeat has no end", "add for: 10m")
	}
	return r
}

func (p *parser) forEach(n *Node) *Field {
	if n.Kind != Map || len(n.Fields) != 1 {
		p.add(n, "schema/type", "for_each names one loop variable and its list", "for example: for_each: {worker: workers}")
		return nil
	}
	f := n.Fields[0]
	if p.name(f.Key, "a loop variable") == nil {
		return nil
	}
	return &f
}

// rescue is a list of steps, or a mapping of them with recovered: true.
func (p *parser) rescue(n *Node) (steps []*Step, recovered bool) {
	if n.Kind != Map {
		return p.steps(n), false
	}
	p.keys(n, "rescue", map[string]func(*Node){
		"steps": func(n *Node) { steps = p.steps(n) },
		"recovered": func(n *Node) {
			if n.Kind != Scalar || n.Type != Bool {
				p.add(n, "schema/type", "recovered is true or false", "")
				return
			}
			recovered = n.Text == "true"
		},
	})
	return steps, recovered
}
