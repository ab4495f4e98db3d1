package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
	"runbook/engine/wording"
)

// Undistribute makes ordinary tables of distributed, reference and Citus local
// ones. It reads the state first: a table that is an ordinary one already is left
// alone.
//
// The rows are copied to the coordinator, which needs the room for them, in one
// transaction: it happens whole or not at all. Meanwhile readers and writers of
// the table wait. The locks for it are asked for at the beginning, all at once and on
// all nodes, with a short lock_timeout and retries. Whoever has locked a shard
// itself, and not the table, is waited for without that limit.
//
// Citus brings a table that has foreign keys back only together with every table
// that they tie it to, also in several steps. So those tables are named too, or
// cascade allows to bring back more than is named. The foreign keys are there
// again when it is done, and those that an earlier step had taken away are
// brought back as well.
//
// The new table has the indexes, constraints, defaults, grants and policies of the
// old one. The comments on it and its columns, and the grants on views of it, which
// Citus gives up, are put back.
//
// A step that takes longer than 5 s says what it does, as distribute does: the
// table whose turn it is, the phase, how much is copied and who is in the way. Citus
// collects all rows of a table on the coordinator, and writes them then. How much it
// has of them is seen from its files, by a role that may call pg_stat_file and
// pg_ls_tmpdir, in the default tablespace; else the phases are told alone.
//
//	steps:
//	  - undistribute: {table: stores}
//	  - undistribute: {tables: [orders, line_items], cascade: true}
type Undistribute struct {
	// The table, with its schema where search_path does not find it.
	Table string `arg:"label"`
	// Several tables, in place of one.
	Tables []string `arg:"label"`
	// Brings the tables back as well that foreign keys tie to it.
	Cascade bool
	// How long one attempt waits for a lock that stalls the application. It is below
	// deadlock_timeout (1 s), so that this side gives up and never the application.
	LockTimeout time.Duration `default:"200ms"`
	// How long it attempts to get such a lock, all attempts together.
	LockFor time.Duration `default:"2m"`
}

// UndistributeResult says what the tables were and are.
type UndistributeResult struct {
	// What they were: local, citus-local, reference or distributed; mixed when they
	// were not the same.
	Before string `expr:"before" json:"before"`
	// What they are now.
	After string `expr:"after" json:"after"`
	// Whether this step brought one back.
	Changed bool `expr:"changed" json:"changed"`
	// The size on disk now, indexes included, of all tables together.
	Bytes int64 `expr:"bytes" json:"bytes"`
	// How many rows there are now in the tables that were brought back.
	Rows int64 `expr:"rows" json:"rows"`
	// Each table, those that foreign keys tie to the named ones too.
	Tables []UndistributedTable `expr:"tables" json:"tables"`
	// What it did in turn, and how long each part took, for all tables together.
	Phases []DistributePhase `expr:"phases" json:"phases"`
	// Foreign keys of earlier steps that were brought back.
	Restored []string `expr:"restored" json:"restored"`
	// Attempts for a lock that were given up for the application's sake.
	LockRetries int `expr:"lock_retries" json:"lock_retries"`
	// How long all of it took.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

// UndistributedTable is one table of an undistribute step.
type UndistributedTable struct {
	// Its full name.
	Table string `expr:"table" json:"table"`
	// What it was.
	Before string `expr:"before" json:"before"`
	// What it is now.
	After string `expr:"after" json:"after"`
	// Whether this step brought it back.
	Changed bool `expr:"changed" json:"changed"`
	// Its size on disk now, its indexes included.
	Bytes int64 `expr:"bytes" json:"bytes"`
	// How many rows it has now; 0 when it was an ordinary table before.
	Rows int64 `expr:"rows" json:"rows"`
}

// Check looks at what fits together.
func (u *Undistribute) Check(at *engine.Places) {
	oneOrSeveral(at, u.Tables)
	checkLockTimeout(at, u.LockTimeout)
}

// Alone says that it needs transactions of its own.
func (u *Undistribute) Alone() string { return "an undistribution" }

// Applied lets Run decide: it reads the tables' state first and does what is left
// to do. What was cut off before its COMMIT has not happened.
func (u *Undistribute) Applied(context.Context, *engine.Env) (bool, error) { return false, nil }

// Run brings the tables back.
func (u *Undistribute) Run(ctx context.Context, env *engine.Env) (UndistributeResult, error) {
	began := time.Now()
	x := &withdrawal{Undistribute: u, env: env, attempts: &attempts{env: env, lockTimeout: u.LockTimeout, limit: u.LockFor}}
	err := x.run(ctx)
	x.result.Phases = x.phases
	x.result.LockRetries = x.attempts.retries
	x.result.Duration = time.Since(began)
	return x.result, err
}

// withdrawal is one execution of undistribute.
type withdrawal struct {
	*Undistribute
	env      *engine.Env
	attempts *attempts
	phases   stages // of all families
	result   UndistributeResult
}

func (x *withdrawal) run(ctx context.Context) error {
	if err := wantCitus(x.env); err != nil {
		return err
	}
	if err := wantNoTransaction(ctx, x.env); err != nil {
		return err
	}
	back, err := reachStandIn(ctx, x.env)
	if err != nil {
		return err
	}
	defer back()
	families, err := x.families(ctx, silent{x.env})
	if err != nil {
		return err
	}
	var found []finding
	for _, f := range families {
		more, err := x.findings(ctx, x.env, f)
		if err != nil {
			return engine.Explain("preflight of "+f.names(), err)
		}
		found = append(found, more...)
	}
	if len(found) > 0 {
		return notReady(strings.Join(x.named(), ", ")+" cannot be brought back", found)
	}
	for i, f := range families {
		if err := x.bringBack(ctx, f); err != nil {
			return x.stopped(families, i, err)
		}
	}
	for _, f := range families {
		if err := f.sameKeys(ctx, x.env); err != nil {
			return err
		}
	}
	if err := x.measure(ctx, families); err != nil {
		return err
	}
	x.result.Restored, err = restoreKeys(ctx, x.env, x.attempts)
	return err
}

// named are the tables that the runbook names.
func (u *Undistribute) named() []string {
	if u.Tables != nil {
		return u.Tables
	}
	return []string{u.Table}
}

// families reads the named tables and what is tied to them.
func (u *Undistribute) families(ctx context.Context, db catalog) ([]family, error) {
	var named family
	for _, name := range u.named() {
		t, err := readTable(ctx, db, name)
		if err != nil {
			return nil, err
		}
		named.tables = append(named.tables, t)
	}
	var out []family
	for _, t := range named.tables {
		if slices.ContainsFunc(out, func(f family) bool { return f.has(t.Name) }) {
			continue
		}
		f, err := readFamily(ctx, db, t)
		if err != nil {
			return nil, engine.Explain("look for what is tied to "+t.Name, err)
		}
		for _, tied := range f.tables {
			if !named.has(tied.Name) && tied.Kind != local {
				f.unnamed = append(f.unnamed, tied.Name)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// findings are the reasons why Citus would refuse.
func (u *Undistribute) findings(ctx context.Context, db catalog, f family) ([]finding, error) {
	if !f.todo() {
		return nil, nil
	}
	var out []finding
	if len(f.unnamed) > 0 && !u.Cascade {
		out = append(out, finding{
			fmt.Sprintf("foreign keys tie %s to %s: they can only be brought back together", f.tables[0].Name, strings.Join(f.unnamed, ", ")),
			"name them in tables, or cascade: true",
			keyWords(f.keys),
		})
	}
	rows, err := db.Rows(ctx, `
		SELECT t AS name,
		       EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass(t) AND a.attidentity <> '' AND NOT a.attisdropped) AS identity,
		       (SELECT relispartition FROM pg_catalog.pg_class WHERE oid = to_regclass(t)) AS partition
		FROM unnest($1::text[]) AS t`, tableNamesOf(f.tables))
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		name := r["name"].(string)
		if r["identity"] == true && db.Run().Engine == "citus" && f.tables[i].Kind != local {
			out = append(out, finding{name + " has an identity column, and Citus brings no such table back", "copy its rows to a new table instead", nil})
		}
		if r["partition"] == true {
			out = append(out, finding{name + " is a partition", "bring back the table that it is a part of", nil})
		}
		if f.tables[i].Kind == schemaTable {
			out = append(out, finding{name + " is distributed with its schema", "SELECT citus_schema_undistribute('<schema>')", []string{"citus_schema_undistribute"}})
		}
	}
	return out, nil
}

func keyWords(keys []foreignKey) []string {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = k.Name
	}
	return words
}

// bringBack lets Citus copy a family, in one transaction.
func (x *withdrawal) bringBack(ctx context.Context, f family) error {
	if !f.todo() {
		return nil
	}
	keep, err := keepsakes(ctx, x.env, f)
	if err != nil {
		return engine.Explain("put on record what Citus gives up", err)
	}
	progress := newCallProgress(x.env, f.tables[0].Name, preparing)
	progress.incoming = &incoming{sizes: dataSizes(ctx, x.env, f.todoNames())}
	err = progress.during(ctx, func() error {
		return x.attempts.run(ctx, f.names(), append(f.statements(), keep...)...)
	})
	for _, p := range progress.phases() {
		x.phases.add(callPhase(p.Name), p.Duration)
	}
	return engine.Explain("bring back "+f.tables[0].Name, err)
}

// stopped says how far a failure has let it come.
func (x *withdrawal) stopped(families []family, at int, err error) error {
	var lost *postgres.LostError
	if errors.As(err, &lost) {
		return err
	}
	f := &engine.Failed{Err: err}
	var inner *engine.Failed
	if errors.As(err, &inner) {
		f.Notes, f.Hint = slices.Clone(inner.Notes), inner.Hint
	}
	for i, other := range families {
		switch {
		case i < at && other.todo():
			f.Notes = append(f.Notes, "brought back: "+other.names())
		case i == at:
			f.Notes = append(f.Notes, "as before: "+other.names())
		case i > at:
			f.Notes = append(f.Notes, "untouched: "+other.names())
		}
	}
	f.Notes = append(f.Notes, "when the cause is gone the step can be run again: it passes over what is done")
	return f
}

// measure reads what the tables are now.
func (x *withdrawal) measure(ctx context.Context, families []family) error {
	for _, f := range families {
		for _, before := range f.tables {
			now, err := readTable(ctx, x.env, before.Name)
			if err != nil {
				return err
			}
			if now.Kind != local {
				return &engine.Failed{Message: fmt.Sprintf("%s was to be an ordinary table and is %s", now.Name, now.describe())}
			}
			t := UndistributedTable{Table: now.Name, Before: before.Kind, After: now.Kind, Changed: before.Kind != local, Bytes: now.Bytes}
			if t.Changed {
				rows, err := x.env.Rows(ctx, "SELECT count(*) FROM "+now.Name)
				if err != nil {
					return engine.Explain("count the rows of "+now.Name, err)
				}
				t.Rows, _ = rows[0]["count"].(int64)
			}
			x.result.add(t)
		}
	}
	return nil
}

func (r *UndistributeResult) add(t UndistributedTable) {
	if len(r.Tables) == 0 {
		r.Before, r.After = t.Before, t.After
	}
	r.Tables = append(r.Tables, t)
	r.Before, r.After = common(r.Before, t.Before), common(r.After, t.After)
	r.Changed = r.Changed || t.Changed
	r.Bytes += t.Bytes
	r.Rows += t.Rows
}

// Summary says what became of the tables.
func (r UndistributeResult) Summary() string {
	if !r.Changed {
		return "local already"
	}
	text := fmt.Sprintf("%s → local, %s, %s", r.Before, count(r.Rows, "row"), wording.Bytes(r.Bytes))
	if len(r.Tables) > 1 {
		text = fmt.Sprintf("%s, ", count(int64(len(r.Tables)), "table")) + text
	}
	if took := stages(r.Phases).summary(); took != "" {
		text += "; " + took
	}
	if r.LockRetries > 0 {
		text += "; " + count(int64(r.LockRetries), "lock attempt") + " given up"
	}
	if len(r.Restored) > 0 {
		text += "; restored " + strings.Join(r.Restored, ", ")
	}
	return text
}
