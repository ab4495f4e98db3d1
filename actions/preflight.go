package actions

import (
	"context"
	"strings"
)

// check is one look of the preflight.
type check func(context.Context) ([]finding, error)

// finding is one reason why a distribution would fail, with what to do. The
// words of a statement that repairs it are for a plan: see engine.Finding.
type finding struct {
	what, fix string
	words     []string
}

// tableChecks are what the preflight looks at of one table. What is no table, or
// lacks the column, is not looked at for what only a table or a column can have.
func (x *distribution) tableChecks(keys []foreignKey) []check {
	list := []check{x.checkRelation}
	ofTable := func(checks ...check) { list = append(list, unless(&x.noTable, checks)...) }
	ofColumn := func(checks ...check) { list = append(list, unless(&x.noColumn, checks)...) }
	ofTable(x.checkRights, x.checkColumn)
	ofColumn(x.checkUnique)
	ofTable(x.checkTriggers, x.checkPolicies, x.checkSequences)
	ofColumn(x.checkColocation, func(ctx context.Context) ([]finding, error) { return x.checkKeys(ctx, keys) })
	if x.Concurrently {
		ofTable(x.checkIdentity)
	}
	ofTable(x.checkHolders)
	return list
}

// unless leaves checks out when something that was found before makes them
// meaningless.
func unless(meaningless *bool, checks []check) []check {
	out := make([]check, len(checks))
	for i, look := range checks {
		out[i] = func(ctx context.Context) ([]finding, error) {
			if *meaningless {
				return nil, nil
			}
			return look(ctx)
		}
	}
	return out
}

// serverChecks are what it looks at once for all tables.
func (x *distribution) serverChecks() []check {
	list := []check{x.checkNodes, x.checkSettings}
	if x.Concurrently {
		list = append(list, x.checkReplication, x.checkDurability, x.checkTransactions, x.checkCalls)
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
