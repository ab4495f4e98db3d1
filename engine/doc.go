// Package engine compiles a runbook into a plan and runs plans.
//
// Compile finds everything that can be known to be wrong without a connection.
// A Plan that exists is ready to run: its expressions are checked, its names
// resolved, its arguments bound to the types of the actions. Run executes it
// and says what happens in events and nothing else; no action prints or logs.
//
// The package knows no particular action. What a step can do is in package
// actions; the contract between the two is in action.go, env.go and plan_env.go.
//
// Where to begin reading:
//
//	compile a runbook      compile.go, compile_step.go, bind.go; unwise.go for the warnings
//	compile an expression  compile_expr.go, compile_names.go, dialect.go, exact.go, code.go
//	run a plan             run.go, steps.go, turn.go, retry.go, group.go, end.go
//	talk to the server     connections.go, sql.go, commit.go, settings.go
//	go on after a crash    resume.go, left.go, ledger.go
//	foresee a run          preview.go, previewer.go, plan_env.go, foresight.go
//	ask a server early     inspect.go, columns.go, change.go
package engine
