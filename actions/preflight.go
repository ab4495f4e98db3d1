package actions

import (
	"context"
	"fmt"
	"strings"

	"runbook/engine"
)

// finding is one reason why a distribution would fail, with what to do. The
// words of a statement that repairs it are for a plan: see engine.Finding.
type finding struct {
	what, fix string
	words     []string
}

// preflight looks for everything that Citus would refuse, before anything
// changes, and reports it at once.
func (x *distribution) preflight(ctx context.Context, keys []foreignKey) error {
	var found []finding
	for _, check := range x.checks(keys) {
		more, err := check(ctx)
		if err != nil {
			return engine.Explain("preflight of "+x.table.Name, err)
		}
		found = append(found, more...)
	}
	if len(found) == 0 {
		return nil
	}
	f := &engine.Failed{
		Message: fmt.Sprintf("%s cannot be distributed: %s", x.table.Name, count(int64(len(found)), "finding")),
		Err:     engine.ErrNotReady,
	}
	for _, n := range found {
		note := n.what
		if n.fix != "" {
			note += " → " + n.fix
		}
		f.Notes = append(f.Notes, note)
	}
	return f
}

// checks are what preflight looks at.
func (x *distribution) checks(keys []foreignKey) []func(context.Context) ([]finding, error) {
	list := []func(context.Context) ([]finding, error){
		x.checkTransaction, x.checkColumn, x.checkUnique, x.checkTriggers, x.checkColocation,
		func(ctx context.Context) ([]finding, error) { return x.checkKeys(ctx, keys) },
	}
	if x.Concurrently {
		list = append(list, x.checkIdentity, x.checkServer)
	}
	return list
}

// bare is a name without its schema, as most statements write it.
func bare(name string) string { return name[strings.LastIndex(name, ".")+1:] }

// distributing are the words of statements that distribute a table.
func distributing(table string) []string {
	return []string{
		"create_distributed_table " + bare(table), "create_distributed_table_concurrently " + bare(table),
		"create_reference_table " + bare(table),
	}
}
