package report

import (
	"fmt"
	"reflect"
	"strings"

	"runbook/engine/event"
)

// explained is a failure that was shown in full, under the step of that title.
type explained struct {
	title   string
	failure event.Failure
}

// failedStep is the title of the step that f was explained under, or empty.
func (p *Plain) failedStep(f event.Failure) string {
	for _, x := range p.failed {
		if reflect.DeepEqual(x.failure, f) {
			return x.title
		}
	}
	return ""
}

// explain shows a failure in full, under the line of its step: what happened,
// where, with which values, and what is left.
func (p *Plain) explain(depth int, f event.Failure) {
	for _, m := range paragraphs(f.Message) {
		p.wrapped(depth, strong, m)
	}
	var facts []string
	if f.SQLState != "" {
		facts = append(facts, strings.TrimSpace(f.SQLState+" "+f.Condition))
	}
	if f.Connection != "" {
		facts = append(facts, "on connection "+f.Connection)
	}
	if len(facts) > 0 {
		p.under(depth, styled(faint, strings.Join(facts, ", ")))
	}
	p.labelled(depth, "detail", f.Detail)
	p.labelled(depth, "hint", f.Hint)
	p.labelled(depth, "context", f.Context)

	if f.Place != nil {
		place := fmt.Sprintf("%s:%d:%d", f.Place.File, f.Place.Line, f.Place.Col)
		if !strings.Contains(f.Excerpt, place) {
			p.under(depth, styled(accent, place))
		}
	}
	for _, l := range paragraphs(f.Excerpt) {
		p.under(depth, text(l))
	}
	if f.Statement != "" && (f.Excerpt == "" || p.opts.Verbose) {
		p.verbatim(depth, "sent", f.Statement)
	}
	for _, o := range f.Operands {
		p.labelled(depth, "where", o.Text+" is "+o.Value)
	}
	for _, n := range f.Notes {
		p.labelled(depth, "note", n)
	}
	p.blank()
}

// labelled shows a text behind its label, all of it, its own line breaks kept.
func (p *Plain) labelled(depth int, label, words string) {
	for _, paragraph := range paragraphs(words) {
		for _, w := range wrap(paragraph, p.room(depth)-labelWidth) {
			p.under(depth, styled(faint, label).pad(labelWidth).add(plain, w))
			label = ""
		}
	}
}

// verbatim shows a statement behind its label as it was written, to be copied.
func (p *Plain) verbatim(depth int, label, statement string) {
	for _, l := range paragraphs(statement) {
		p.under(depth, styled(faint, label).pad(labelWidth).add(plain, l))
		label = ""
	}
}
