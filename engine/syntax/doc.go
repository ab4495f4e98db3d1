// Package syntax reads a runbook file into a tree whose every node knows its
// place, and collects all that is wrong with its shape in one pass.
//
// It knows the keys of a runbook and of a step. It does not know which actions
// exist, what an expression means or what SQL is: package engine compiles the
// tree into a plan. It is the only package that imports YAML.
package syntax
