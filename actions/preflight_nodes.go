package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
)

// node is a server of the cluster, as Citus has it on record.
type node struct {
	Group    int64
	Name     string
	Port     int64
	Active   bool
	Synced   bool // knows the metadata, or is not meant to
	Receives bool // shards
}

func (n node) String() string {
	kind := "worker"
	if n.Group == 0 {
		kind = "the coordinator,"
	}
	return fmt.Sprintf("%s %s:%d", kind, n.Name, n.Port)
}

// loopback says that only the machine itself knows the node by this name.
func (n node) loopback() bool {
	ip := net.ParseIP(n.Name)
	return n.Name == "localhost" || ip != nil && ip.IsLoopback()
}

// nodes are the primary servers on record, the coordinator first when it is one of
// them.
func (x *distribution) nodes(ctx context.Context) ([]node, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT n.groupid::bigint AS group, n.nodename AS name, n.nodeport::bigint AS port, n.isactive AS active,
		       n.metadatasynced OR NOT n.hasmetadata AS synced, n.shouldhaveshards AS receives
		FROM pg_dist_node n
		WHERE n.noderole = 'primary' AND coalesce(to_jsonb(n)->>'nodeisclone', 'false') <> 'true' ORDER BY n.groupid`)
	var out []node
	for _, r := range rows {
		out = append(out, node{
			Group: r["group"].(int64), Name: r["name"].(string), Port: r["port"].(int64),
			Active: r["active"] == true, Synced: r["synced"] == true, Receives: r["receives"] == true,
		})
	}
	return out, err
}

// checkNodes looks at the servers that Citus knows of.
func (x *distribution) checkNodes(ctx context.Context) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, "SELECT groupid::bigint AS group FROM pg_dist_local_group")
	if err != nil {
		return nil, err
	}
	if len(rows) > 0 && rows[0]["group"] != int64(0) {
		return []finding{{what: "this server is a worker", fix: "connect to the coordinator"}}, nil
	}
	nodes, err := x.nodes(ctx)
	if err != nil {
		return nil, err
	}
	found := x.registered(nodes)
	for _, n := range nodes {
		switch {
		case !n.Active:
			x.note("%s is not active and gets no shards", n)
		case !n.Synced:
			found = append(found, finding{
				fmt.Sprintf("%s does not have the metadata of the cluster", n),
				"wait until Citus has synchronized it, or SELECT start_metadata_sync_to_all_nodes()",
				[]string{"start_metadata_sync_to_all_nodes"},
			})
		}
	}
	more, err := x.checkReach(ctx, nodes)
	return append(found, more...), err
}

// registered looks at which nodes are on record, and which of them get shards.
func (x *distribution) registered(nodes []node) []finding {
	register := func(what string) finding {
		return finding{what, "SELECT citus_set_coordinator_host('<hostname>', <port>)", []string{"citus_set_coordinator_host"}}
	}
	if len(nodes) == 0 {
		return []finding{register("no node is registered: Citus would register the coordinator as localhost, put all shards there, and take no worker later")}
	}
	var found []finding
	coordinator := nodes[0]
	workers := slices.DeleteFunc(slices.Clone(nodes), func(n node) bool { return n.Group == 0 })
	switch {
	case coordinator.Group != 0 && x.Concurrently:
		found = append(found, register("the coordinator is not registered"))
	case coordinator.Group == 0 && coordinator.loopback() && slices.ContainsFunc(workers, func(n node) bool { return !n.loopback() }):
		found = append(found, register(fmt.Sprintf("the coordinator is registered as %s, where the workers cannot find it", coordinator.Name)))
	}
	receivers := slices.DeleteFunc(slices.Clone(nodes), func(n node) bool { return !n.Active || !n.Receives })
	switch {
	case len(receivers) == 0:
		found = append(found, finding{
			"no active node takes shards", "SELECT citus_add_node('<hostname>', <port>); for a cluster of one server, citus_set_node_property(…, 'shouldhaveshards', true) on it",
			[]string{"citus_add_node", "citus_activate_node", "citus_set_node_property shouldhaveshards"},
		})
	case len(receivers) == 1 && receivers[0].Group == 0:
		x.note("all shards go to the coordinator: no worker takes any")
	}
	return found
}

// checkReach finds workers that do not answer, and those that do not reach the
// coordinator, which is where they follow a table's changes.
func (x *distribution) checkReach(ctx context.Context, nodes []node) ([]finding, error) {
	back := "true"
	if len(nodes) > 0 && nodes[0].Group == 0 && x.Concurrently {
		back = fmt.Sprintf("pg_catalog.citus_check_connection_to_node(%s, %d)", x.literal(nodes[0].Name), nodes[0].Port)
	}
	answers, err := x.ask(ctx, "SELECT "+back)
	if err != nil {
		return nil, err
	}
	stranger, err := x.stranger(ctx)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, a := range answers {
		switch {
		case !a.ok && stranger:
			x.note("worker %s does not answer this role", a.node)
		case !a.ok:
			found = append(found, finding{what: fmt.Sprintf("worker %s does not answer: %s", a.node, a.text), fix: "bring it back, or set the right address with citus_update_node", words: []string{"citus_update_node"}})
		case a.text != "t":
			found = append(found, finding{
				fmt.Sprintf("worker %s does not reach the coordinator at %s:%d", a.node, nodes[0].Name, nodes[0].Port),
				"SELECT citus_set_coordinator_host('<hostname>', <port>)",
				[]string{"citus_set_coordinator_host"},
			})
		}
	}
	return found, nil
}

// stranger says that a plan is made by a role that could not run it, such as one
// that may only read. Workers need not know it.
func (x *distribution) stranger(ctx context.Context) (bool, error) {
	if !inPlan(x.catalog) {
		return false, nil
	}
	rows, err := x.catalog.Rows(ctx, "SELECT pg_catalog.pg_has_role(relowner, 'usage') AS owns FROM pg_catalog.pg_class WHERE oid = $1::regclass", x.table.Name)
	return err == nil && (len(rows) == 0 || rows[0]["owns"] != true), err
}

// workerAnswer is what a worker says.
type workerAnswer struct {
	node string // host:port
	ok   bool
	text string // the value, or what went wrong
}

// ask has every active worker run a query that only reads, and returns one value.
func (x *distribution) ask(ctx context.Context, query string) ([]workerAnswer, error) {
	rows, err := x.catalog.Rows(ctx, "SELECT nodename || ':' || nodeport AS node, success, result FROM run_command_on_workers($1) ORDER BY nodename, nodeport", query)
	var out []workerAnswer
	for _, r := range rows {
		text, _ := r["result"].(string)
		text, _, _ = strings.Cut(text, "\n")
		out = append(out, workerAnswer{r["node"].(string), r["success"] == true, text})
	}
	return out, err
}

// decode reads the answer to a query that returns JSON. What did not answer is
// left as it is: checkNodes says so.
func (a workerAnswer) decode(v any) error {
	if !a.ok {
		return nil
	}
	if err := json.Unmarshal([]byte(a.text), v); err != nil {
		return fmt.Errorf("read the answer of worker %s: %w", a.node, err)
	}
	return nil
}
