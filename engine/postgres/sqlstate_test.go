package postgres

import (
	"slices"
	"testing"
)

func TestCodesFor(t *testing.T) {
	for name, want := range map[string][]string{
		"55P03":                            {"55P03"},
		"lock_not_available":               {"55P03"},
		"40":                               {"40"},
		"transaction_rollback":             {"40"},
		"object_not_in_prerequisite_state": {"55"},
		"string_data_right_truncation":     {"01004", "22001"},
		"ZZ123":                            {"ZZ123"},
		"pl_pgsql_error":                   {"P0"},
	} {
		if got, ok := CodesFor(name); !ok || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"", "lock_not_availabel", "4", "ZZ", "55p03"} {
		if got, ok := CodesFor(name); ok {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if !MatchCode([]string{"55P03", "40"}, "40P01") || MatchCode([]string{"55P03"}, "55000") {
		t.Error("classes do not match")
	}
}

func TestConditionName(t *testing.T) {
	for code, want := range map[string]string{"40P01": "deadlock_detected", "40": "transaction_rollback", "40999": "transaction_rollback", "ZZ123": ""} {
		if got := ConditionName(code); got != want {
			t.Errorf("%s: got %s, want %s", code, got, want)
		}
	}
	if names := ConditionNames(); !slices.IsSorted(names) || !slices.Contains(names, "deadlock_detected") {
		t.Error("names are not sorted or not complete")
	}
}
