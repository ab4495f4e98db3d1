// Package actions holds the verbs of the runbook language, one a file. An
// action is a struct of typed arguments, a result struct, and Run; the engine
// binds YAML to the one and gives the other to expressions.
//
// The doc comments of the argument and result structs are the reference that
// users read: `go generate ./schemas` copies them into the schema and into
// docs/actions.
package actions

import "runbook/engine"

// All is the list of the language's actions, in the order of the reference.
func All() []engine.Action {
	return []engine.Action{
		engine.Define[SQL, SQLResult]("sql"),
		engine.Define[Assert, AssertResult]("assert"),
		engine.Define[Benchmark, BenchmarkResult]("benchmark"),
		engine.Define[ParallelMonitor, MonitorResult]("parallel-monitor"),
		engine.Define[Distribute, DistributeResult]("distribute"),
		engine.Define[Undistribute, UndistributeResult]("undistribute"),
		engine.Define[Wait, WaitResult]("wait"),
	}
}
