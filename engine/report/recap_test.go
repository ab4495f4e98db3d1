package report

import (
	"strings"
	"testing"

	"runbook/engine/event"
)

func TestTheLedgerIsLoud(t *testing.T) {
	long := event.Obligation{ID: "foreign key a on public.b", Restore: "ALTER TABLE public.b ADD CONSTRAINT a FOREIGN KEY (" + strings.Repeat("column, ", 30) + ") REFERENCES public.c;"}
	out := shown(t, []event.Record{
		one(0, event.RunStarted{Run: "r", Runbook: "x"}), one(0, event.ObligationOpened{Obligation: long}), one(0, event.ObligationOpened{Obligation: long}),
		one(1, event.RunFinished{Status: event.Failed, Open: []event.Obligation{long}}),
	}, PlainOptions{Width: 80})
	if !strings.Contains(out, "  "+long.Restore+"\n") || !strings.Contains(out, "ledger   1 opened, 0 restored\n") || strings.Count(out, "owes") != 1 {
		t.Error(out)
	}
}
