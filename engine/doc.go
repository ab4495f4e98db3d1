// Package engine compiles a runbook into a plan and runs plans.
//
// Compile finds everything that can be known to be wrong without a connection.
// A Plan that exists is ready to run: its expressions are compiled, its names
// resolved, its arguments bound to the types of the actions. Run executes it
// and says what happens in events and nothing else; no action prints or logs.
//
// The package knows no particular action. What a step can do is in package
// actions, one file an action; the contract between the two is in action.go.
package engine
