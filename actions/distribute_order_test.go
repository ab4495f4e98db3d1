package actions

import (
	"slices"
	"strings"
	"testing"
)

// TestInOrder puts referenced tables first and finds the keys that no order
// satisfies.
func TestInOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		tables []string
		keys   []string // child>parent
		want   []string
		circle []string
	}{
		{"as written", []string{"b", "a"}, nil, []string{"b", "a"}, nil},
		{"a chain", []string{"line_items", "orders", "products", "stores"}, []string{"products>stores", "line_items>products", "line_items>orders", "orders>stores"}, []string{"stores", "orders", "products", "line_items"}, nil},
		{"others and itself", []string{"b", "a"}, []string{"b>elsewhere", "elsewhere>a", "b>b"}, []string{"b", "a"}, nil},
		{"a circle with a tail and a head", []string{"tail", "b", "a", "head"}, []string{"a>b", "b>a", "tail>a", "a>head"}, []string{"head", "b", "a", "tail"}, []string{"b>a", "a>b"}},
		{"two circles", []string{"a", "b", "c", "d"}, []string{"a>b", "b>a", "c>d", "d>c"}, []string{"a", "b", "c", "d"}, []string{"a>b", "b>a", "c>d", "d>c"}},
	} {
		var tables []tableState
		for _, name := range c.tables {
			tables = append(tables, tableState{Name: name})
		}
		var keys []foreignKey
		for _, k := range c.keys {
			child, parent, _ := strings.Cut(k, ">")
			keys = append(keys, foreignKey{Name: k, Child: child, Parent: parent})
		}
		sorted, circle := inOrder(tables, keys)
		if got := tableNamesOf(sorted); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		if got := keyWords(circle); !slices.Equal(got, c.circle) && len(got)+len(c.circle) > 0 {
			t.Errorf("%s: circle %v, want %v", c.name, got, c.circle)
		}
	}
}
