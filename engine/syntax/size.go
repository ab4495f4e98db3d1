package syntax

import "slices"

// Size is how many steps the runbook has, those inside groups and actions
// included and groups not counted. It can be asked of a tree with problems.
func (rb *Runbook) Size() int {
	n := 0
	for _, s := range rb.Steps {
		n += size(s.Node)
	}
	return n
}

// size counts a step and the steps inside it.
func size(step *Node) int {
	n := inside(step)
	if step.Kind == Map && step.Get("group") == nil {
		n++
	}
	return n
}

// inside counts the steps in the lists of steps that a value holds.
func inside(n *Node) int {
	total := 0
	for _, f := range n.Fields {
		if !slices.Contains([]string{"steps", "rescue", "always"}, f.Key.Text) || f.Value.Kind != List {
			total += inside(f.Value)
			continue
		}
		for _, item := range f.Value.Items {
			total += size(item)
		}
	}
	return total
}
