-- On which worker the parts of which session wait for a lock.
SELECT s.global_pid                              AS gpid,
       n.nodename || ':' || n.nodeport           AS node,
       s.wait_event                              AS wait_event
FROM pg_catalog.citus_stat_activity s JOIN pg_catalog.pg_dist_node n ON n.nodeid = s.nodeid
WHERE s.wait_event_type = 'Lock' AND s.is_worker_query
LIMIT 200
