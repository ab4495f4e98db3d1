package engine

import (
	"errors"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
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

// draft is an expression on its way from a tree to code. A dialect has one at a
// time.
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

// code makes comparisons and arithmetic exact, and tells what they cannot compare.
// It is called after checkTypes, which leaves the types in the tree.
func (d draft) code() (*code, []mismatch, error) {
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
