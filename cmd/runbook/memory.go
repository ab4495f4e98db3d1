package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// collectLate has the garbage collector begin at 112 MiB of memory instead of at
// 4, and go on as usual from there: for a command that ends soon. A runbook of
// 10 000 steps is checked before that, with 30 % less of the processor. GOGC, where it
// is set, is obeyed.
//
// Note: debug.SetMemoryLimit with the collector switched off does the same below
// the limit, and makes it run without end above.
func collectLate() {
	if os.Getenv("GOGC") != "" {
		return
	}
	const usual, first = 100, 112 << 20 / (4 << 20) * 100 // in percent, of 4 MiB at the beginning
	debug.SetGCPercent(first)
	runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, usual) // after the first collection
}
