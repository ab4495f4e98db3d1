package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
	"runbook/engine/wording"
)

// Distribute makes tables distributed by a column. It reads the state first:
// what already holds is not done again; when a table is distributed otherwise, it
// refuses and shows both. Everything that Citus would refuse is looked for before
// anything changes, and reported at once, for all tables.
//
// Several tables go one after the other, a referenced one before those that
// reference it; each lies beside the first. After a failure the step can be run
// again: tables that are done are passed over.
//
// Concurrently means that writes go on while rows are copied. It is not free of
// locks: the conversion at its beginning takes ACCESS EXCLUSIVE and makes every
// reader and writer queue behind it. It is therefore done here on its own first,
// with a short lock_timeout and retries; once copying has begun there is no
// timeout.
//
// At its end, to switch over, Citus waits for every transaction that has written to
// the table, and whoever wants to write waits behind it. Where a batch runs for a
// minute, that would be a minute. The switch-over is therefore held back while a
// transaction older than lock_timeout has written to the table, or a statement runs
// that was seen to take that long: all rows are copied by then, the changes go on
// being replicated, and nobody waits but who reads the view pg_stat_subscription on
// the workers. It takes a pause between long transactions, be it short;
// hold_switch_over says for how long one is waited for. While it is held the call
// does not notice pg_cancel_backend nor pg_terminate_backend; a run that is
// interrupted lets it go first.
//
// While a foreign key is away, rows that break it can come in. A key is therefore
// taken away when the turn of its table comes, and is back when the table at its
// other end is distributed: first unchecked, which locks for a moment, then
// validated, which stalls no one. Should rows have come in that reference nothing,
// the step fails, says how to find them, and leaves the key in place for new rows.
//
// A step that takes longer than 5 s says what it does: the phase that it is in,
// how many rows are copied of about how many, how fast, and how long the rest may
// take, from what the nodes tell of their COPYs. When something is in the way for
// a second it says who, with the age of the transaction: a session, of another
// database too, or a prepared transaction. All of it is in the JSON lines, each
// second, as events progress; what is estimated or only a lower bound is marked.
// It is seen from a session of its own, which takes 2 % of the time at most, holds
// no snapshot, and never fails the step; a role that may see less is told less.
//
//	steps:
//	  - distribute: {table: stores, column: store_id}
//	  - distribute:
//	      tables: [orders, line_items]
//	      column: store_id
//	      colocate_with: stores
//	      concurrently: true
//	      foreign_keys: detach
type Distribute struct {
	// The table, with its schema where search_path does not find it.
	Table string `arg:"label"`
	// Several tables, in place of one. They are distributed in the order that their
	// foreign keys ask for, else as they are written.
	Tables []string `arg:"label"`
	// The column whose value says in which shard a row is, such as the tenant's id.
	Column string `arg:"required"`
	// A distributed table, so that rows of equal distribution columns are on one
	// node. Of several tables it is the first when absent.
	ColocateWith string
	// How many shards; the setting citus.shard_count when absent.
	ShardCount int
	// Lets writes go on while the rows are copied, which takes longer.
	Concurrently bool
	// What becomes of foreign keys from and to the table: they stay, or those in the
	// way are taken away through the ledger and brought back as soon as both sides
	// are distributed, be it by a later distribute step. Concurrently all are in the
	// way, else those of the table itself.
	ForeignKeys string `enum:"keep|detach" default:"keep"`
	// How long one attempt waits for a lock that stalls the application. It is below
	// deadlock_timeout (1 s), so that this side gives up and never the application.
	LockTimeout time.Duration `default:"200ms"`
	// How long it attempts to get such a lock, all attempts together.
	LockFor time.Duration `default:"2m"`
	// How old a transaction of somebody else may be that this would wait for. An
	// older one is a reason not to begin: a concurrent distribution waits for every
	// transaction that has written something, in any database of the server.
	TransactionAge time.Duration `default:"1m"`
	// How long the switch-over at the end of a concurrent distribution is held back
	// while a transaction older than lock_timeout has written to the table: whoever
	// wants to write would wait behind it. After that the switch-over comes
	// nevertheless. 0s never holds it back. It takes a superuser.
	HoldSwitchOver time.Duration `default:"10m"`
}

// DistributeResult says what the tables were and are.
type DistributeResult struct {
	// The table's full name; of several all, separated by commas.
	Table string `expr:"table" json:"table"`
	// What it was: local, citus-local, reference, schema or distributed; mixed when
	// several tables were not the same.
	Before string `expr:"before" json:"before"`
	// What it is now.
	After string `expr:"after" json:"after"`
	// Whether this step distributed it, or one of several.
	Changed bool `expr:"changed" json:"changed"`
	// How many shards it has; of several tables, each.
	ShardCount int64 `expr:"shard_count" json:"shard_count"`
	// Tables of one colocation id have their shards side by side.
	ColocationID int64 `expr:"colocation_id" json:"colocation_id"`
	// The size on disk before, indexes included, of all tables together.
	Bytes int64 `expr:"bytes" json:"bytes"`
	// Foreign keys that were taken away.
	Detached []string `expr:"detached" json:"detached"`
	// Foreign keys that were brought back, those of earlier steps too.
	Restored []string `expr:"restored" json:"restored"`
	// What it did in turn, and how long each part took, for all tables together.
	Phases []DistributePhase `expr:"phases" json:"phases"`
	// Foreign keys that are still away, for a later step to bring back.
	Owed []string `expr:"owed" json:"owed,omitempty"`
	// Attempts for a lock that were given up for the application's sake.
	LockRetries int `expr:"lock_retries" json:"lock_retries"`
	// Each table, in the order in which they were distributed.
	Tables []DistributedTable `expr:"tables" json:"tables,omitempty"`
	// How long all of it took.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

// DistributedTable is one table of a distribute step.
type DistributedTable struct {
	// Its full name.
	Table string `expr:"table" json:"table"`
	// What it was.
	Before string `expr:"before" json:"before"`
	// What it is now; "" when its turn has not come.
	After string `expr:"after" json:"after"`
	// Whether this step distributed it.
	Changed bool `expr:"changed" json:"changed"`
	// How many shards it has.
	ShardCount int64 `expr:"shard_count" json:"shard_count"`
	// Tables of one colocation id have their shards side by side.
	ColocationID int64 `expr:"colocation_id" json:"colocation_id"`
	// Its size on disk before, its indexes included.
	Bytes int64 `expr:"bytes" json:"bytes"`
	// Foreign keys that were taken away for it.
	Detached []string `expr:"detached" json:"detached"`
	// Foreign keys that were brought back after it.
	Restored []string `expr:"restored" json:"restored"`
	// What was done in turn, and how long each part took.
	Phases []DistributePhase `expr:"phases" json:"phases"`
	// How long it took.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

// Check looks at what fits together.
func (d *Distribute) Check(at *engine.Places) {
	oneOrSeveral(at, d.Tables)
	if d.ColocateWith != "" && slices.Contains(d.Tables, d.ColocateWith) {
		at.Problem("colocate_with", "distribute/colocate-with", "a table cannot lie beside itself", "leave colocate_with out: the tables lie beside the first")
	}
	if d.ColocateWith != "" && d.ShardCount != 0 {
		at.Problem("shard_count", "distribute/shard-count", "a colocated table has the shard count of the other one", "leave shard_count or colocate_with out")
	}
	if d.ShardCount < 0 || d.ShardCount > 64000 {
		at.Problem("shard_count", "schema/type", "shard_count is a number from 1 to 64000", "")
	}
	checkLockTimeout(at, d.LockTimeout)
}

func checkLockTimeout(at *engine.Places, d time.Duration) {
	switch given := at.Has("lock_timeout"); {
	case given && d >= time.Second:
		at.Problem("lock_timeout", "distribute/lock-timeout", "lock_timeout is to stay below 1s: at deadlock_timeout PostgreSQL may kill a writer of the application instead", "leave it out: 200ms holds then, with retries")
	case given && d == 0:
		at.Warning("lock_timeout", "lock/endless-wait", "with lock_timeout 0 this waits for the table without end, and its users wait behind it", "leave it out: 200ms holds then, with retries")
	}
}

// oneOrSeveral wants either `table` or `tables`.
func oneOrSeveral(at *engine.Places, tables []string) {
	switch one, several := at.Has("table"), at.Has("tables"); {
	case one && several:
		at.Problem("table", "distribute/tables", "both table and tables are given", "leave one of them out")
	case !one && !several:
		at.Problem("table", "distribute/tables", "neither table nor tables is given", "say which table")
	case several && len(tables) == 0:
		at.Problem("tables", "distribute/tables", "tables is empty", "say which tables")
	}
}

// Alone says that a distribution needs transactions of its own.
func (d *Distribute) Alone() string {
	if d.Concurrently {
		return "a concurrent distribution"
	}
	return "a distribution"
}

// Applied lets Run decide: it reads the state of the tables first and does what
// is left to do.
func (d *Distribute) Applied(context.Context, *engine.Env) (bool, error) { return false, nil }

// Run distributes the tables.
func (d *Distribute) Run(ctx context.Context, env *engine.Env) (DistributeResult, error) {
	p := &placement{
		Distribute: d, env: env, began: time.Now(),
		attempts: &attempts{env: env, lockTimeout: d.LockTimeout, limit: d.LockFor},
	}
	err := p.run(ctx)
	return p.result(), err
}

// distribution is what distribute does with one table.
type distribution struct {
	*Distribute             // of this table alone
	env         *engine.Env // nil in a plan
	catalog     catalog
	attempts    *attempts
	progress    *callProgress
	table       tableState
	detached    []foreignKey
	result      DistributedTable
	notes       []string     // what could not be looked at, for a plan
	hopeless    []foreignKey // that distributed tables cannot carry
	noTable     bool         // found by the preflight: it is something else
	noColumn    bool         // found by the preflight: it has no such column
}

// run distributes the table and brings back the foreign keys that it can carry
// now.
func (x *distribution) run(ctx context.Context) (err error) {
	began := time.Now()
	defer func() { x.result.Duration = time.Since(began) }()
	// What was promised to the preflight is true by now, or it shows here.
	x.catalog = x.env
	if x.table, err = readTable(ctx, x.env, x.Table); err != nil {
		return err
	}
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
	if x.table.Kind == local || x.table.Kind == citusLocal {
		return false, nil
	}
	differs, err := x.differs(ctx)
	if err != nil || len(differs) == 0 {
		return err == nil, err
	}
	return false, &engine.Failed{
		Message: fmt.Sprintf("%s is distributed already, but otherwise: %s", x.table.Name, strings.Join(differs, "; ")),
		Hint:    "undistribute brings it back, alter_distributed_table changes it; both rewrite the table",
	}
}

// differs lists what is otherwise than wanted about a table that Citus has
// already.
func (x *distribution) differs(ctx context.Context) ([]string, error) {
	var out []string
	t := x.table
	if t.Kind != distributed || t.Column != x.Column {
		out = append(out, fmt.Sprintf("it is %s, wanted is distributed by %s", t.describe(), x.Column))
	}
	if x.ShardCount != 0 && t.Shards != int64(x.ShardCount) && t.Colocation != unforeseen {
		out = append(out, fmt.Sprintf("it has %d shards, wanted are %d", t.Shards, x.ShardCount))
	}
	if x.ColocateWith == "" {
		return out, nil
	}
	other, err := readTable(ctx, x.catalog, x.ColocateWith)
	if err != nil {
		return nil, err
	}
	if other.Colocation != t.Colocation && other.Colocation != unforeseen {
		out = append(out, fmt.Sprintf("it is in colocation group %d, %s is in %d", t.Colocation, other.Name, other.Colocation))
	}
	return out, nil
}

// change distributes the table.
func (x *distribution) change(ctx context.Context) error {
	keys, err := foreignKeys(ctx, silent{x.env}, x.table.Name)
	if err != nil {
		return err
	}
	if keys, err = x.inTheWay(ctx, keys); err != nil {
		return err
	}
	if len(keys) > 0 {
		if err := x.detach(ctx, keys); err != nil {
			return err
		}
	}
	if err := x.move(ctx); err != nil {
		return x.left(ctx, err)
	}
	x.result.Changed = true
	return nil
}

// move makes the call that distributes the table, and follows it.
func (x *distribution) move(ctx context.Context) error {
	x.progress = newCallProgress(x.env, x.table.Name, preparing)
	err := x.progress.during(ctx, func() error {
		if x.Concurrently {
			return x.concurrently(ctx)
		}
		// It locks nothing but the table, once, at its beginning.
		return x.attempts.run(ctx, x.table.Name, x.blocking()...)
	})
	x.result.Phases = x.progress.phases()
	return err
}

// smallTable is up to which size one connection to each node makes the shards of a
// table sooner than many do, in bytes. On Citus 13.2 with two workers on two cores a
// table of 0.1 MB took 65 ms and not 230, one of 3 MB 150 and not 310, one of 28 MB
// 710 and not 480; its readers and writers wait so long.
const smallTable = 8 << 20

// blocking is the call that keeps writers out until it is done.
func (x *distribution) blocking() []string {
	call := x.call("create_distributed_table")
	if x.env.Run().Engine != "citus" || x.table.Bytes > smallTable {
		return []string{call}
	}
	return []string{"SET LOCAL citus.multi_shard_modify_mode = 'sequential'", call}
}

// inTheWay are the foreign keys that have to go before the table is distributed.
// A concurrent distribution bears none. The other one bears those that lead to the
// table, from an ordinary one; they go on being checked for new rows. Its own it
// bears only to distributed tables, and checks row by row while writers wait,
// which takes several times as long as to validate them afterwards.
func (x *distribution) inTheWay(ctx context.Context, keys []foreignKey) ([]foreignKey, error) {
	if x.ForeignKeys != "detach" {
		return nil, nil
	}
	if x.Concurrently {
		return keys, nil
	}
	var out []foreignKey
	for _, k := range keys {
		if k.Child != x.table.Name {
			child, err := readTable(ctx, x.catalog, k.Child)
			if err != nil {
				return nil, err
			}
			if child.Kind == local {
				continue
			}
		}
		out = append(out, k)
	}
	return out, nil
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
		x.detached = append(x.detached, k)
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

// Summary says what became of the tables.
func (r DistributeResult) Summary() string {
	var changed int64
	for _, t := range r.Tables {
		if t.Changed {
			changed++
		}
	}
	all := int64(len(r.Tables))
	var parts []string
	switch {
	case all > 1 && changed == 0:
		parts = append(parts, fmt.Sprintf("%s held already, %d shards each", count(all, "table"), r.ShardCount))
	case changed == 0:
		parts = append(parts, fmt.Sprintf("held already, %d shards", r.ShardCount))
	case all > 1:
		parts = append(parts, fmt.Sprintf("%s → distributed, %d shards each, %s", count(changed, "table"), r.ShardCount, wording.Bytes(r.Bytes)))
		if changed < all {
			parts = append(parts, fmt.Sprintf("%d held already", all-changed))
		}
	default:
		parts = append(parts, fmt.Sprintf("%s → distributed, %d shards, %s", r.Before, r.ShardCount, wording.Bytes(r.Bytes)))
	}
	if took := stages(r.Phases).summary(); took != "" {
		parts = append(parts, took)
	}
	if r.LockRetries > 0 {
		parts = append(parts, count(int64(r.LockRetries), "lock attempt")+" given up")
	}
	if len(r.Restored) > 0 {
		parts = append(parts, "restored "+strings.Join(r.Restored, ", "))
	}
	if len(r.Owed) > 0 {
		parts = append(parts, "for a later step to restore: "+strings.Join(r.Owed, ", "))
	}
	return strings.Join(parts, "; ")
}
