package actions

import (
	"context"
	_ "embed"
	"maps"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

//go:embed call_files.sql
var callFilesSQL string

// collecting is the first part of copying rows back, when it can be seen apart:
// Citus collects all rows of a table on the coordinator before it writes any.
const collecting callPhase = "collecting rows"

// incoming is what is seen of rows that come back to the coordinator. No COPY
// brings them, so that the files they go to are all there is to see.
type incoming struct {
	allowed *bool            // whether the role may look at files; nil before it was asked
	sizes   map[string]int64 // bytes to copy, about, by table
	earlier map[part]copied  // files that were seen of the tables before; nil before the first

	// Of the table whose turn it is:
	before    map[part]copied // what was in the files when it was first looked; nil before
	collected int64           // bytes in a temporary file
	writing   bool            // into the table
}

// collected is the part that a temporary file is.
var collected = part{"", 0}

// dataSizes are how many bytes the rows of each table take on all nodes, about,
// each row counted once. They are to be asked for before a call that locks the
// tables. They are worth no failure and no long wait: one that is absent is not
// known.
func dataSizes(ctx context.Context, env *engine.Env, tables []string) map[string]int64 {
	caller, err := env.Quiet(ctx)
	if err != nil || env.Run().Engine != "citus" {
		return nil
	}
	w := newCallWatch(env, caller)
	defer w.close(context.WithoutCancel(ctx))
	if err := w.connect(ctx); err != nil {
		return nil
	}
	// It is asked once, and opens connections to all nodes.
	if _, err := w.session.Query(ctx, "SELECT pg_catalog.set_config('statement_timeout', '5s', false)"); err != nil {
		return nil
	}
	// The size is that of all placements together, a reference table's on each node.
	r, err := w.session.Query(ctx, `
		SELECT t, (pg_catalog.citus_table_size(t::regclass)
		           * (SELECT pg_catalog.count(DISTINCT s.shardid)::float8 / pg_catalog.count(*)
		              FROM pg_catalog.pg_dist_shard s JOIN pg_catalog.pg_dist_placement p USING (shardid)
		              WHERE s.logicalrelid = t::regclass))::bigint
		FROM unnest($1::text[]) AS t`, tables)
	if err != nil {
		return nil
	}
	sizes := map[string]int64{}
	for _, row := range r.Rows {
		sizes[postgres.FormatValue(row[0])], _ = row[1].(int64)
	}
	return sizes
}

// lookForFiles looks how far the rows are that come back.
func (p *callProgress) lookForFiles(ctx context.Context, w *callWatch) error {
	if p.incoming.allowed == nil {
		allowed, err := w.seesFiles(ctx)
		if err != nil {
			return err
		}
		p.incoming.allowed = &allowed
	}
	if !*p.incoming.allowed {
		return nil
	}
	seen, err := w.files(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = now
	if p.now == copying && p.arrived(now, seen) {
		p.moved = now
	}
	return nil
}

// arrived takes a sample, and says whether anything has gone on.
func (p *callProgress) arrived(at time.Time, seen map[part]copied) bool {
	in, spooled := p.incoming, seen[collected].bytes
	delete(seen, collected)
	if in.before == nil {
		in.before = maps.Clone(seen)
		for file, c := range seen { // it may be of this table, and is not counted
			_, known := in.earlier[file]
			p.fold.ended = p.fold.ended || !known && c.bytes > 0
		}
	}
	for file, c := range seen {
		seen[file] = copied{bytes: c.bytes - in.before[file].bytes}
	}
	if p.fold.add(at, seen) {
		in.writing = true
		return true
	}
	if in.writing || spooled <= in.collected {
		return false
	}
	in.collected = spooled
	p.fold.begin(at) // the pace is that of writing
	return true
}

// turn is to the next table.
func (p *callProgress) turn(table string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table = table
	if in := p.incoming; in != nil {
		in.turn(p.fold.parts)
		p.fold = copyFold{total: copied{bytes: in.sizes[table]}}
	}
}

// turn is to the next table, with the files that were seen of the one before. What
// is in files before the first table is its own.
func (in *incoming) turn(files map[part]copied) {
	in.before, in.collected, in.writing = nil, 0, false
	if in.earlier == nil {
		in.before, in.earlier = map[part]copied{}, map[part]copied{}
	}
	maps.Copy(in.earlier, files)
}

// tell writes what is known of the collecting into a sign of life. It says
// whether that is what goes on.
func (in *incoming) tell(e *event.Progress) bool {
	if in == nil || in.writing || in.collected == 0 {
		return false
	}
	e.Phase, e.BytesDone = string(collecting), in.collected
	return true
}

// seesFiles says whether the role may look at files. A function that it may not
// call fails the whole query, also where it is not reached.
func (w *callWatch) seesFiles(ctx context.Context) (bool, error) {
	r, err := w.session.Query(ctx, `
		SELECT pg_catalog.has_function_privilege('pg_catalog.pg_stat_file(text, boolean)', 'EXECUTE')
		   AND pg_catalog.has_function_privilege('pg_catalog.pg_ls_tmpdir()', 'EXECUTE')`)
	if err != nil {
		return false, err
	}
	return r.Rows[0][0] == true, nil
}

// files is how much is in the files that the call writes.
func (w *callWatch) files(ctx context.Context) (map[part]copied, error) {
	defer w.took("copies", time.Now())
	answers, err := w.here(ctx, callFilesSQL)
	if err != nil {
		return nil, err
	}
	return partsOf(answers)
}
