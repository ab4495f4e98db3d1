package journal

import (
	"encoding/json"
	"time"

	"runbook/engine/event"
)

var start = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// number makes records of events, one a second.
func number(events ...event.Event) []event.Record {
	var records []event.Record
	for i, e := range events {
		records = append(records, event.Record{Seq: i + 1, Time: start.Add(time.Duration(i) * time.Second), Event: e})
	}
	return records
}

func started(path string, changes bool) event.StepStarted {
	return event.StepStarted{Step: path, Title: path, Action: "sql", Digest: "of " + path, Changes: changes}
}

func finished(path string, status event.Status) event.StepFinished {
	return event.StepFinished{Step: path, Title: path, Action: "sql", Status: status}
}

func sent(path, connection, sql string) event.StatementStarted {
	return event.StatementStarted{Step: path, Connection: connection, PID: 7, SQL: sql}
}

func answered(path, connection, sql string) event.StatementFinished {
	return event.StatementFinished{Step: path, Connection: connection, PID: 7, SQL: sql, Tag: "OK"}
}

var orders = event.Obligation{
	ID: "foreign key orders_store_id_fkey on public.orders", Table: "public.orders", Name: "orders_store_id_fkey",
	Restore: "ALTER TABLE public.orders ADD CONSTRAINT orders_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.stores(store_id)",
}

// story is a run with everything in it that the fold knows: a setup whose paths
// clash with the run's, reads, changes, a group that is retried, one that
// repeats, load on side connections, a lost connection and a second start.
func story() []event.Record {
	group := func(path string) event.StepStarted {
		return event.StepStarted{Step: path, Title: path, Action: "group", Changes: true}
	}
	denied := &event.Failure{Message: "canceling statement due to lock timeout", SQLState: "55P03"}
	return number(
		event.RunStarted{Version: 1, Run: "r", Runbook: "tailspin", SystemID: "7", Database: "tailspin"},
		event.SetupStarted{Runbook: "prepare"},
		started("read", true), sent("read", "main", "CREATE TABLE t"), answered("read", "main", "CREATE TABLE t"),
		event.ObligationOpened{Step: "read", Obligation: orders}, finished("read", event.Done),
		event.SetupFinished{Status: event.Done},

		started("read", false), answered("read", "main", "SELECT 1"),
		event.StepFinished{Step: "read", Status: event.Done, Result: json.RawMessage(`{"rows":1}`), Registered: map[string]json.RawMessage{"x": json.RawMessage(`1`)}},
		event.StepSkipped{Step: "turn-on", Status: event.Skipped, Reason: "when: x != 1"},
		started("change", true), event.Notice{Step: "change"}, sent("change", "main", "UPDATE a"), answered("change", "main", "UPDATE a"),
		sent("change", "main", "UPDATE b"), answered("change", "main", "UPDATE b"), finished("change", event.Done),

		group("keys"), started("keys/1", true), event.ObligationOpened{Step: "keys/1", Obligation: orders},
		sent("keys/1", "main", "DROP"), event.StatementFinished{Step: "keys/1", Connection: "main", PID: 7, SQL: "DROP", Error: "timeout", SQLState: "55P03"},
		event.StepFinished{Step: "keys/1", Status: event.Failed, Failure: denied},
		event.StepRetrying{Step: "keys", Attempt: 1, Failure: denied},
		event.StepStarted{Step: "keys", Action: "group", Changes: true, Attempt: 2},
		started("keys/1", true), event.ObligationOpened{Step: "keys/1", Obligation: orders}, sent("keys/1", "main", "DROP"), answered("keys/1", "main", "DROP"), finished("keys/1", event.Done),
		finished("keys", event.Done),

		event.StepStarted{Step: "watch", Action: "parallel-monitor", Changes: true},
		sent("watch", "shops/1", "SELECT create_orders(200)"), sent("watch", "shops/2", "SELECT create_orders(200)"),
		started("watch/1", true), sent("watch/1", "main", "SELECT distribute"),
		answered("watch", "shops/2", "SELECT create_orders(200)"), event.Sighting{Step: "watch"}, event.WindowClosed{Step: "watch"},
		answered("watch", "shops/1", "SELECT create_orders(200)"), answered("watch/1", "main", "SELECT distribute"),
		finished("watch/1", event.Done), finished("watch", event.Done),

		group("fill"),
		started("fill#1/1", true), sent("fill#1/1", "main", "UPDATE c"), answered("fill#1/1", "main", "UPDATE c"), finished("fill#1/1", event.Done),
		event.StepRepeating{Step: "fill", Iteration: 1},
		started("fill#2/1", true), sent("fill#2/1", "main", "UPDATE c"),
		event.StatementFinished{Step: "fill#2/1", Connection: "main", PID: 7, SQL: "UPDATE c", Error: "unexpected EOF"},
		event.StepFinished{Step: "fill#2/1", Status: event.Unknown, Failure: &event.Failure{Message: "unexpected EOF", Unknown: true}},
		finished("fill", event.Unknown),
		event.StepSkipped{Step: "restore", Status: event.NotReached, Reason: "fill is unknown"},
		event.RunFinished{Status: event.Unknown, Open: []event.Obligation{orders}},

		event.RunStarted{Version: 1, Run: "r", Runbook: "tailspin"},
		event.StepSkipped{Step: "change", Status: event.Skipped, Reason: "done before"},
		started("fill#2/1", true), sent("fill#2/1", "main", "UPDATE c"), answered("fill#2/1", "main", "UPDATE c"), finished("fill#2/1", event.Done),
		finished("fill", event.Done),
		started("restore", true), sent("restore", "main", "ADD"), answered("restore", "main", "ADD"),
		event.ObligationClosed{Step: "restore", ID: orders.ID}, finished("restore", event.Done),
		event.RunFinished{Status: event.Done},
	)
}
