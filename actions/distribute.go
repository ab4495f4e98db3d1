package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
)

// Distribute makes a table distributed by a column. It reads the state first:
// when it already holds, nothing is done; when the table is distributed
// otherwise, it refuses and shows both. Everything that Citus would refuse is
// looked for before anything changes, and reported at once.
//
// Concurrently means that writes go on while rows are copied. It is not free of
// locks: the conversion at its beginning takes ACCESS EXCLUSIVE and makes every
// reader and writer queue behind it. It is therefore done here on its own first,
// with a short lock_timeout and retries; once copying has begun there is no
// timeout.
//
//	steps:
//	  - distribute: {table: stores, column: store_id}
//	  - distribute:
//	      table: line_items
//	      column: store_id
//	      colocate_with: stores
//	      concurrently: true
//	      foreign_keys: detach
type Distribute struct {
	// The table, with its schema where search_path does not find it.
	Table string `arg:"required,label"`
	// The column whose value says in which shard a row is, such as the tenant's id.
	Column string `arg:"required"`
	// A distributed table, so that rows of equal distribution columns are on one
	// node.
	ColocateWith string
	// How many shards; the setting citus.shard_count when absent.
	ShardCount int
	// Lets writes go on while the rows are copied, which takes longer.
	Concurrently bool
	// What becomes of foreign keys from and to the table: they stay, or they are
	// taken away through the ledger and brought back as soon as both sides are
	// distributed, be it by a later distribute step.
	ForeignKeys string `enum:"keep|detach" default:"keep"`
	// How long one attempt waits for a lock that stalls the application. It is below
	// deadlock_timeout (1 s), so that this side gives up and never the application.
	LockTimeout time.Duration `default:"200ms"`
	// How long it attempts to get such a lock, all attempts together.
	LockFor time.Duration `default:"2m"`
}

// DistributeResult says what the table was and is.
type DistributeResult struct {
	// The table's full name.
	Table string `expr:"table" json:"table"`
	// What it was: local, citus-local, reference or distributed.
	Before string `expr:"before" json:"before"`
	// What it is now.
	After string `expr:"after" json:"after"`
	// Whether this step distributed it.
	Changed bool `expr:"changed" json:"changed"`
	// How many shards it has.
	ShardCount int64 `expr:"shard_count" json:"shard_count"`
	// Tables of one colocation id have their shards side by side.
	ColocationID int64 `expr:"colocation_id" json:"colocation_id"`
	// The size of the table on disk before, its indexes included.
	Bytes int64 `expr:"bytes" json:"bytes"`
	// Foreign keys that were taken away.
	Detached []string `expr:"detached" json:"detached"`
	// Foreign keys that were brought back, those of earlier steps too.
	Restored []string `expr:"restored" json:"restored"`
	// Attempts for a lock that were given up for the application's sake.
	LockRetries int `expr:"lock_retries" json:"lock_retries"`
	// How long all of it took.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

// Check looks at what fits together.
func (d *Distribute) Check(at *engine.Places) {
	if d.ColocateWith != "" && d.ShardCount != 0 {
		at.Problem("shard_count", "distribute/shard-count", "a colocated table has the shard count of the other one", "leave shard_count or colocate_with out")
	}
	if d.ShardCount < 0 || d.ShardCount > 64000 {
		at.Problem("shard_count", "schema/type", "shard_count is a number from 1 to 64000", "")
	}
	if at.Has("lock_timeout") && d.LockTimeout >= time.Second {
		at.Problem("lock_timeout", "distribute/lock-timeout", "lock_timeout is to stay below 1s: at deadlock_timeout PostgreSQL may kill a writer of the application instead", "leave it out: 200ms holds then, with retries")
	}
	if at.Has("lock_timeout") && d.LockTimeout == 0 {
		at.Warning("lock_timeout", "lock/endless-wait", "with lock_timeout 0 this waits for the table without end, and its users wait behind it", "leave it out: 200ms holds then, with retries")
	}
}

// Alone says that a distribution needs transactions of its own.
func (d *Distribute) Alone() string {
	if d.Concurrently {
		return "a concurrent distribution"
	}
	return "a distribution"
}

// Applied lets Run decide: it reads the table's state first and does what is
// left to do.
func (d *Distribute) Applied(context.Context, *engine.Env) (bool, error) { return false, nil }

// Run distributes the table.
func (d *Distribute) Run(ctx context.Context, env *engine.Env) (DistributeResult, error) {
	began := time.Now()
	x := &distribution{Distribute: d, env: env, catalog: env, attempts: &attempts{env: env, lockTimeout: d.LockTimeout, limit: d.LockFor}}
	err := x.run(ctx)
	x.result.LockRetries = x.attempts.retries
	x.result.Duration = time.Since(began)
	return x.result, err
}

// distribution is one execution of distribute.
type distribution struct {
	*Distribute
	env      *engine.Env // nil in a plan
	catalog  catalog
	attempts *attempts
	table    tableState
	result   DistributeResult
	notes    []string // what could not be looked at, for a plan
}

func (x *distribution) run(ctx context.Context) error {
	if err := wantCitus(x.env); err != nil {
		return err
	}
	var err error
	if x.table, err = readTable(ctx, x.env, x.Table); err != nil {
		return err
	}
	x.result.Table, x.result.Before, x.result.Bytes = x.table.Name, x.table.Kind, x.table.Bytes
	holds, err := x.holds(ctx)
	if err != nil {
		return err
	}
	if !holds {
		if err := x.change(ctx); err != nil {
			return err
		}
	}
	if err := x.verify(ctx); err != nil {
		return err
	}
	x.result.Restored, err = restoreKeys(ctx, x.env, x.attempts)
	return err
}

func wantCitus(env *engine.Env) error {
	if env.Run().Engine == "postgresql" {
		return &engine.Failed{
			Message: "this database has no Citus, so no table can be distributed", Err: engine.ErrNotReady,
			Hint: "CREATE EXTENSION citus, or rehearse with --sandbox",
		}
	}
	return nil
}

// holds says whether the table is distributed as wanted already. Distributed
// otherwise is an error that shows both.
func (x *distribution) holds(ctx context.Context) (bool, error) {
	t := x.table
	if t.Kind != distributed && t.Kind != reference {
		return false, nil
	}
	var differs []string
	if t.Kind == reference || t.Column != x.Column {
		differs = append(differs, fmt.Sprintf("it is %s, wanted is distributed by %s", t.describe(), x.Column))
	}
	if x.ShardCount != 0 && t.Shards != int64(x.ShardCount) {
		differs = append(differs, fmt.Sprintf("it has %d shards, wanted are %d", t.Shards, x.ShardCount))
	}
	if x.ColocateWith != "" {
		other, err := readTable(ctx, x.catalog, x.ColocateWith)
		if err != nil {
			return false, err
		}
		if other.Colocation != t.Colocation && other.Colocation != unforeseen {
			differs = append(differs, fmt.Sprintf("it is in colocation group %d, %s is in %d", t.Colocation, other.Name, other.Colocation))
		}
	}
	if len(differs) > 0 {
		return false, &engine.Failed{
			Message: fmt.Sprintf("%s is distributed already, but otherwise: %s", t.Name, strings.Join(differs, "; ")),
			Hint:    "undistribute_table or alter_distributed_table changes it; both rewrite the table",
		}
	}
	return true, nil
}

// change distributes the table.
func (x *distribution) change(ctx context.Context) error {
	keys, err := foreignKeys(ctx, x.env, x.table.Name)
	if err != nil {
		return err
	}
	if err := x.preflight(ctx, keys); err != nil {
		return err
	}
	if x.ForeignKeys == "detach" && len(keys) > 0 {
		if err := x.detach(ctx, keys); err != nil {
			return err
		}
	}
	if x.Concurrently {
		err = x.concurrently(ctx)
	} else {
		_, err = x.env.Rows(ctx, x.call("create_distributed_table"))
	}
	if err != nil {
		return x.left(ctx, err)
	}
	x.result.Changed = true
	return nil
}

// detach takes the foreign keys away, each on record with its definition
// before.
func (x *distribution) detach(ctx context.Context, keys []foreignKey) error {
	drops := make([]string, len(keys))
	for i, k := range keys {
		if err := x.env.Owe(k.obligation()); err != nil {
			return err
		}
		drops[i] = k.drop()
		x.result.Detached = append(x.result.Detached, k.Name)
	}
	err := x.attempts.run(ctx, "foreign keys of "+x.table.Name, drops...)
	if err == nil {
		return nil
	}
	// Nothing was dropped, as the catalog will say; then nothing is owed.
	for _, k := range keys {
		if there, _, checkErr := keyExists(context.WithoutCancel(ctx), x.env, k.Child, k.Name); checkErr == nil && there {
			_ = x.env.Settle(k.obligation().ID) // the first error is the one that matters
		}
	}
	return engine.Explain("take the foreign keys away", err)
}

func (x *distribution) literal(s string) string {
	text, err := postgres.Literal(s)
	if err != nil { // a name with a NUL byte, which no table has
		return "NULL"
	}
	return text
}

func (x *distribution) call(function string) string {
	args := []string{x.literal(x.table.Name), x.literal(x.Column)}
	if x.ColocateWith != "" {
		args = append(args, "colocate_with => "+x.literal(x.ColocateWith))
	}
	if x.ShardCount != 0 {
		args = append(args, fmt.Sprintf("shard_count => %d", x.ShardCount))
	}
	return fmt.Sprintf("SELECT %s(%s)", function, strings.Join(args, ", "))
}

// verify reads the state again and wants what was asked for.
func (x *distribution) verify(ctx context.Context) error {
	now, err := readTable(ctx, x.env, x.Table)
	if err != nil {
		return err
	}
	x.result.After, x.result.ShardCount, x.result.ColocationID = now.Kind, now.Shards, now.Colocation
	if now.Kind != distributed || now.Column != x.Column {
		return &engine.Failed{Message: fmt.Sprintf("%s was to be distributed by %s and is %s", now.Name, x.Column, now.describe())}
	}
	return nil
}

// Summary says what became of the table.
func (r DistributeResult) Summary() string {
	if !r.Changed {
		return fmt.Sprintf("held already, %d shards", r.ShardCount)
	}
	parts := []string{fmt.Sprintf("%s → distributed, %d shards, %s", r.Before, r.ShardCount, bytesText(r.Bytes))}
	if r.LockRetries > 0 {
		parts = append(parts, fmt.Sprintf("%d lock attempts given up", r.LockRetries))
	}
	if len(r.Restored) > 0 {
		parts = append(parts, "restored "+strings.Join(r.Restored, ", "))
	}
	return strings.Join(parts, "; ")
}
