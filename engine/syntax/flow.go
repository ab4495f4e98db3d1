package syntax

import (
	"strconv"
	"strings"
)

// yaml writes a value on one line so that it reads back the same.
func (n *Node) yaml() string {
	switch {
	case n.Kind == List:
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			parts[i] = item.yaml()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.Kind == Map:
		parts := make([]string, len(n.Fields))
		for i, f := range n.Fields {
			parts[i] = strconv.Quote(f.Key.Text) + ": " + f.Value.yaml()
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.Type == Null:
		return "null"
	case n.Type == String:
		return strconv.Quote(n.Text)
	default:
		return n.Text
	}
}
