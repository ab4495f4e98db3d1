package report

import (
	"strings"
	"testing"

	"runbook/engine/event"
)

func TestEveryEndingHasAWord(t *testing.T) {
	seen := map[string]event.Status{}
	for _, s := range []event.Status{event.Done, event.Failed, event.Skipped, event.NotReached, event.Unknown, event.Interrupted} {
		word, _ := ending(s, false)
		if other, taken := seen[word]; taken {
			t.Errorf("%q stands for %q and for %q", word, other, s)
		}
		if seen[word] = s; len(word) >= wordWidth {
			t.Errorf("%q is too long", word)
		}
	}
	if word, _ := ending("of a newer version", false); word != "????" {
		t.Errorf("a status that is not known is %q", word)
	}
}

func TestAStepOpensWhenSomethingIsUnderIt(t *testing.T) {
	expect(t, []event.Record{
		one(0, started("a", "quick", 0)), one(0, finished("a", "quick", 0, event.Done)),
		one(1, started("b", "outer", 0)), one(1, started("b/1", "inner", 1)),
		one(1, event.Notice{Step: "b/1", Severity: "WARNING", Message: "mind"}),
		one(1, finished("b/1", "inner", 1, event.Done)), one(1, finished("b", "outer", 0, event.Done)),
	}, `
ok quick 3ms
>> outer
>> inner
warn WARNING mind
ok inner 3ms
ok outer 3ms`)
}

func TestNotReachedIsExplainedOnce(t *testing.T) {
	skipped := func(title, reason string, s event.Status) event.Record {
		return one(0, event.StepSkipped{Step: title, Title: title, Status: s, Reason: reason})
	}
	out := shown(t, []event.Record{
		skipped("a", "x failed", event.NotReached), skipped("b", "x failed", event.NotReached),
		skipped("c", "when: y", event.Skipped), skipped("d", "when: y", event.Skipped),
	}, PlainOptions{})
	if strings.Count(out, "x failed") != 1 || strings.Count(out, "when: y") != 2 {
		t.Error(out)
	}
}
