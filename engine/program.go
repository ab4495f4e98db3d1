package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/file"

	"runbook/engine/syntax"
)

// program is a compiled expression with its place.
type program struct {
	node   *syntax.Node // the scalar it stands in
	offset int          // and the byte of the scalar's text where it begins
	text   string
	code   *code
	uses   []string // names of the run that it reads
	later  []string // what of them only a run knows: run.id, steps.ID, random(), …
	// of a condition: its names, for its operands, and what is certain of it
	names   []typedName
	certain certainty
	// why a name may have no value, for those that may; in parentheses
	missing map[string]string
}

func (p *program) run(env map[string]any) (any, error) {
	for _, name := range p.uses {
		if _, ok := env[name]; !ok {
			return nil, p.fault(strings.Index(p.text, name), fmt.Sprintf("%q has no value here: the step that registers it did not run%s", name, p.missing[name]))
		}
	}
	v, err := p.code.run(env)
	if err == nil {
		return v, nil
	}
	var at *file.Error
	if !errors.As(err, &at) {
		return nil, p.fault(0, err.Error())
	}
	message := at.Message
	if at.Prev != nil {
		message = at.Prev.Error()
	}
	f := p.fault(byteOffset(p.text, at.From), message)
	f.Operands = p.operands(env)
	return nil, f
}

func (p *program) fault(offset int, message string) *Fault {
	return faultAt(p.node, p.offset+offset, message)
}

// byteOffset turns a character count into a byte offset of text.
func byteOffset(text string, runes int) int {
	for i := range text {
		if runes == 0 {
			return i
		}
		runes--
	}
	return len(text)
}
