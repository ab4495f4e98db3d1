package report

import (
	"maps"
	"slices"
	"strings"

	"runbook/engine/event"
)

const standIn = "stand-in" // RunStarted.Engine of a server without Citus

const labelWidth = 9

// fact shows a labelled line of the header or the recap.
func (p *Plain) fact(label string, st style, body line) {
	p.put(styled(st, label).pad(labelWidth).join(body))
}

func (p *Plain) header(e event.RunStarted) {
	again := p.run.Run != ""
	p.release()
	p.run, p.steps, p.setup, p.failed = e, nil, 0, nil
	p.tally.continued()

	p.blank()
	name := styled(strong, e.Runbook)
	if e.File != "" {
		name = name.add(faint, "  "+e.File+", "+count(e.Steps, "step"))
	}
	p.fact("runbook", faint, name)
	run := text(e.Run)
	if again {
		run = run.add(caution, "  resumed")
	}
	p.fact("run", faint, run)
	target := text(e.Target)
	if e.Sandbox {
		target = target.add(plain, " (sandbox)")
	}
	p.fact("target", faint, target)
	server := text(e.Server)
	if e.EngineLabel != "" {
		server = server.add(plain, ", "+e.EngineLabel)
	}
	p.fact("server", faint, server)
	if p.opts.Verbose {
		for i, name := range slices.Sorted(maps.Keys(e.Vars)) {
			label := ""
			if i == 0 {
				label = "vars"
			}
			p.fact(label, faint, text(name+" = "+cut(string(e.Vars[name]), p.width-labelWidth-len(name)-3)))
		}
	}
	if e.Engine == standIn {
		p.blank()
		for _, s := range []string{
			"STAND-IN, NOT CITUS",
			"Nothing is distributed here, and no time measured here says anything about Citus.",
		} {
			s = "*** " + s + " "
			p.put(styled(banner, s+strings.Repeat("*", max(p.width-length(s), 3))))
		}
	}
	p.blank()
}

func (p *Plain) setupStarted(e event.SetupStarted) {
	name := e.Runbook
	if name == "" {
		name = e.File
	}
	p.row(">>", accent, 0, styled(strong, "Build the sandbox's starting point").add(faint, "  "+name))
	p.setup = 1
}

func (p *Plain) setupFinished(e event.SetupFinished) {
	p.release()
	p.setup = 0
	p.steps = nil
	word, st := ending(e.Status, false)
	p.stepLine(word, st, 0, "Build the sandbox's starting point", e.Duration, "")
	p.blank()
}
