package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"runbook/engine/postgres"
	"runbook/engine/wording"
)

// diskQuery asks a node how much is free where its data directory is.
//
// Note: Citus counts the blocks that a file system keeps for root as free, so there
// may be less, never more. Of tablespaces it knows nothing.
const diskQuery = `
	SELECT json_build_object('group', (SELECT groupid FROM pg_catalog.pg_dist_local_group), 'free', available_disk_size)::text AS disk
	FROM pg_catalog.citus_local_disk_space_stats()`

// disk is what a node has free.
type disk struct {
	Group int64 `json:"group"`
	Free  int64 `json:"free"` // bytes
}

// tight is the part of what is free that a table may take before a plan notes it:
// the old copy's size tells about that of the new one, and no more.
const tight = 0.8

// checkDisk looks for room for the tables of a step that are still to be moved.
//
// Each node counts as if it had its file system to itself: which of them share one,
// SQL does not tell. What the coordinator's log grows by meanwhile is not known
// before.
func (l *lineup) checkDisk(ctx context.Context, x *distribution) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	receivers, err := x.receivers(ctx)
	if err != nil {
		return nil, err
	}
	answers, err := x.ask(ctx, diskQuery)
	if err != nil {
		return nil, err
	}
	var found []finding
	moved := l.volume(x.catalog)
	look := func(node, answer string) error {
		var d disk
		if err := json.Unmarshal([]byte(answer), &d); err != nil {
			return fmt.Errorf("read the free disk of %s: %w", node, err)
		}
		f, note := moved.fit(node, d.Free, receivers[d.Group])
		if note != "" {
			x.note("%s", note)
		}
		found = append(found, f...)
		return nil
	}
	for _, a := range answers {
		if !a.ok {
			x.unknownDisk("worker "+a.node, a.text)
			continue
		}
		if err := look("worker "+a.node, a.text); err != nil {
			return nil, err
		}
	}
	if receivers[0] == 0 {
		return found, nil
	}
	rows, err := x.catalog.Rows(ctx, diskQuery)
	var refused *postgres.Error
	switch {
	case errors.As(err, &refused):
		x.unknownDisk("the coordinator", "ERROR: "+refused.Message)
		return found, nil
	case err != nil:
		return nil, err
	}
	return found, look("the coordinator", rows[0]["disk"].(string))
}

// unknownDisk notes a node that answers and does not say what it has free. One
// that does not answer is a finding already.
func (x *distribution) unknownDisk(node, answer string) {
	if why, said := strings.CutPrefix(answer, "ERROR:"); said {
		x.note("the free disk of %s is not known: %s", node, strings.TrimSpace(why))
	}
}

// volume is how much goes to the nodes, by what the old copies take: with their
// indexes, and with rows that are dead.
type volume struct {
	tables string
	bytes  int64
	before int64 // what earlier steps of the plan put there
}

// volume adds up the tables that are still to be moved.
func (l *lineup) volume(db catalog) volume {
	v := volume{before: movedBefore(db)}
	var names []string
	for _, x := range l.tables {
		if x.table.Kind == local || x.table.Kind == citusLocal {
			names = append(names, x.table.Name)
			v.bytes += x.table.Bytes
		}
	}
	v.tables = strings.Join(names, ", ")
	return v
}

// fit says whether a node with so many bytes free can take its part, or that it
// barely can.
func (v volume) fit(node string, free int64, part float64) (found []finding, note string) {
	share, before := int64(part*float64(v.bytes)), int64(part*float64(v.before))
	if float64(share+before) <= tight*float64(free) {
		return nil, ""
	}
	what := fmt.Sprintf("%s has %s free, and its share of %s is about %s", node, wording.Bytes(free), v.tables, wording.Bytes(share))
	if before > 0 {
		what += fmt.Sprintf(", after %s of earlier steps", wording.Bytes(before))
	}
	if share+before <= free {
		return nil, what
	}
	return []finding{{
		what, "make room there, add a worker before, or rid the table of dead rows, which count too",
		[]string{"citus_add_node", "vacuum full"},
	}}, ""
}
