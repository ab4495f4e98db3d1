-- Nodes. They are recorded and nothing else: no connection is made, and no data is there.

CREATE FUNCTION citus_standin.citus_set_coordinator_host(host text, port int DEFAULT current_setting('port')::int)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE citus_standin.pg_dist_node SET nodename = host, nodeport = port WHERE groupid = 0;
    IF NOT FOUND THEN
        INSERT INTO citus_standin.pg_dist_node (groupid, nodename, nodeport, shouldhaveshards) VALUES (0, host, port, false);
    END IF;
END $$;

-- citus_add_node differs from Citus in that the node need not exist. As with Citus, a node that is already there is no error.
CREATE FUNCTION citus_standin.citus_add_node(nodename text, nodeport int, groupid int DEFAULT -1) RETURNS int
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id int;
BEGIN
    SELECT nodeid INTO id FROM citus_standin.pg_dist_node n
    WHERE n.nodename = citus_add_node.nodename AND n.nodeport = citus_add_node.nodeport;
    IF FOUND THEN
        RETURN id;
    END IF;
    INSERT INTO citus_standin.pg_dist_node (groupid, nodename, nodeport, shouldhaveshards)
    SELECT coalesce(max(n.groupid), 0) + 1, citus_add_node.nodename, citus_add_node.nodeport, true FROM citus_standin.pg_dist_node n
    RETURNING nodeid INTO id;
    RAISE NOTICE 'stand-in: node %:% is only recorded, it gets no data', citus_add_node.nodename, citus_add_node.nodeport;
    RETURN id;
END $$;

CREATE FUNCTION citus_standin.citus_get_active_worker_nodes(OUT node_name text, OUT node_port bigint) RETURNS SETOF record
LANGUAGE sql STABLE AS $$
    SELECT nodename, nodeport FROM citus_standin.pg_dist_node WHERE groupid > 0 AND isactive ORDER BY nodeid
$$;

CREATE VIEW citus_standin.citus_nodes AS
SELECT nodename, nodeport, CASE groupid WHEN 0 THEN 'coordinator' ELSE 'worker' END AS role, isactive AS active
FROM citus_standin.pg_dist_node;
