package engine

import (
	"reflect"
	"strings"
	"sync"

	compiling "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// code is a checked expression. It is compiled when it runs first: most of a
// runbook that is only validated never does, which is a tenth of the time.
type code struct {
	*dialect
	tree *parser.Tree

	once    sync.Once
	program *vm.Program
	err     error
}

// typ is the type of the expression's values; nil or an interface when it is known
// only then.
func (c *code) typ() reflect.Type { return c.tree.Node.Type() }

// mayNotCompile says whether an expression that is well typed can fail to compile:
// for its patterns, or for its size.
func (c *code) mayNotCompile() bool {
	text := c.tree.Source.String()
	return len(text) > 500 || strings.Contains(text, "matches")
}

// compiled is the program. Watchers evaluate beside the steps, and the dialect has
// caches that they would write to.
func (c *code) compiled() (*vm.Program, error) {
	c.once.Do(func() {
		c.compiling.Lock()
		defer c.compiling.Unlock()
		c.program, c.err = compiling.Compile(c.tree, &c.config)
	})
	return c.program, c.err
}

func (c *code) run(env map[string]any) (any, error) {
	program, err := c.compiled()
	if err != nil {
		return nil, err
	}
	machine := vm.VM{MemoryBudget: 1 << 20}
	return machine.Run(program, env)
}
