package engine

import (
	"errors"
	"reflect"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	compiling "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// dialect is expr-lang with the functions of the language.
//
// Note: expr.Compile builds the tables of functions for every expression and
// parses it anew for every pass over it. That was half the time of loading a
// runbook and most of its memory, so the passes are taken one by one here.
type dialect struct {
	config conf.Config
	check  checker.Checker

	compiling sync.Mutex
}

// newDialect makes the dialect of SQL text, where ident and raw exist, or that
// of all other places.
func newDialect(sql bool) *dialect {
	config := conf.CreateNew()
	for _, option := range functions(sql) {
		option(config)
	}
	config.WithEnv(types.Map{})
	return &dialect{config: *config}
}

// draft is an expression on its way from a tree to a program. A dialect has one
// at a time.
type draft struct {
	*dialect
	tree *parser.Tree
}

func (d *dialect) draft(tree *parser.Tree, names []typedName) draft {
	known := d.config.Env.Fields
	clear(known)
	for _, n := range names {
		known[n.name] = n.typ.Nature()
	}
	return draft{d, tree}
}

// checkTypes checks names, fields and operations by expr-lang's own rules. It looks
// at the arguments of a call once in a tree's life, so the visitors come first.
func (d draft) checkTypes() error {
	for _, v := range d.config.Visitors {
		ast.Walk(&d.tree.Node, v)
	}
	_, err := d.check.Check(d.tree, &d.config)
	return err
}

// program makes comparisons and arithmetic exact and compiles the expression.
// It is called after checkTypes, which leaves the types in the tree.
func (d draft) program() (*code, []mismatch, error) {
	var found []mismatch
	ast.Walk(&d.tree.Node, exact{&found})
	if _, err := d.check.Check(d.tree, &d.config); err != nil {
		return nil, nil, err
	}
	if err := optimizer.Optimize(&d.tree.Node, &d.config); err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			err = at.Bind(d.tree.Source)
		}
		return nil, nil, err
	}
	c := &code{dialect: d.dialect, tree: d.tree}
	if c.mayNotCompile() {
		_, err := c.compiled()
		return c, found, err
	}
	return c, found, nil
}

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
