package actions

import (
	"time"

	"runbook/engine"
)

// ProbeResult is what a probe saw.
type ProbeResult struct {
	// How often it sampled.
	Samples int `expr:"samples" json:"samples"`
	// How many of the samples were sightings.
	Sightings int `expr:"sightings" json:"sightings"`
	// The last sample was a sighting.
	Seeing bool `expr:"seeing" json:"seeing"`
	// How long the window is that is open, 0 where none is.
	Window time.Duration `expr:"window" json:"window_ns,omitempty"`
	// The first row of the last sample, so that `pause_if` can look at its values; of
	// `blockers` the longest wait is first.
	Row engine.Row `expr:"row" json:"row,omitempty"`
	// How many windows there were: stretches in which every sample was a sighting.
	WindowCount int `expr:"window_count" json:"window_count"`
	// The windows, the first thousand of them.
	Windows []Window `expr:"windows" json:"windows"`
	// How long the longest window was.
	Longest time.Duration `expr:"longest" json:"longest_ns"`
	// Of `blockers`: how long the longest single wait had lasted when it was last
	// seen. A window is longer where one wait follows the other.
	LongestWait time.Duration `expr:"longest_wait" json:"longest_wait_ns"`
	// Who was seen waiting for whom, each pair of statements once; the first
	// hundred.
	Conflicts []Conflict `expr:"conflicts" json:"conflicts"`
	// Of `blockers`: in how many samples waits were seen that are no conflict, by
	// kind: `extend`, a table that grows; `parallel`, processes of one statement;
	// `autovacuum`, a vacuum that is about to yield.
	Harmless map[string]int `expr:"harmless" json:"harmless,omitempty"`
	// What capture queries returned, the first fifty sightings of them.
	Captures []Capture `expr:"captures" json:"captures"`
	// Samples and captures that failed, for instance by the probe's timeout.
	Errors int `expr:"errors" json:"errors"`
	// Why the last of them failed.
	LastError string `expr:"last_error" json:"last_error"`
	// How long a sample took on average, less a round trip.
	Cost time.Duration `expr:"cost" json:"cost_ns"`
	// The time from one sample to the next that was held, on average.
	Interval time.Duration `expr:"interval" json:"interval_ns"`
	// How many samples came later than `every` asks, because samples cost more than 2 %
	// of the time.
	Stretched int `expr:"stretched" json:"stretched"`
	// How late samples were sent after they were due: 99 of 100 no later.
	LatenessP99 time.Duration `expr:"lateness_p99" json:"lateness_p99_ns"`
	// The longest time between two samples. What is shorter may have gone unseen.
	LongestGap time.Duration `expr:"longest_gap" json:"longest_gap_ns"`
}

// Window is a stretch of time in which every sample was a sighting.
type Window struct {
	// When it began: at its first sighting, or when the wait did that `blockers` saw.
	From time.Time `expr:"from" json:"from"`
	// When the last sighting was.
	To time.Time `expr:"to" json:"to"`
	// The time between the two.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
	// How much longer it may have been: the time to the samples around it that were
	// no sightings.
	Margin time.Duration `expr:"margin" json:"margin_ns"`
	// How many sightings it has.
	Samples int `expr:"samples" json:"samples"`
	// It has not ended: the watch did before it, or this is asked while it runs.
	Open bool `expr:"open" json:"open,omitempty"`
	// How each load fared in it, by name. For `abort_if`: as it was when the window
	// closed, and empty while it is open.
	Load map[string]LoadWindow `expr:"load" json:"load,omitempty"`
}

// Conflict is one session waiting for another.
type Conflict struct {
	// Process id of the session that waits.
	BlockedPID int64 `expr:"blocked_pid" json:"blocked_pid"`
	// Its application_name.
	BlockedApp string `expr:"blocked_app" json:"blocked_app"`
	// Its statement.
	BlockedQuery string `expr:"blocked_query" json:"blocked_query"`
	// Process id of the session that it waits for.
	BlockingPID int64 `expr:"blocking_pid" json:"blocking_pid"`
	// Its application_name.
	BlockingApp string `expr:"blocking_app" json:"blocking_app"`
	// What it is doing: active, idle in transaction, …; prepared for a prepared
	// transaction, which has no process and number 0.
	BlockingState string `expr:"blocking_state" json:"blocking_state"`
	// Its statement.
	BlockingQuery string `expr:"blocking_query" json:"blocking_query"`
	// The lock mode by which it blocks.
	BlockingMode string `expr:"blocking_mode" json:"blocking_mode"`
	// It waits for that mode itself, ahead in the queue.
	Queued bool `expr:"queued" json:"queued,omitempty"`
	// How old its transaction was when it was last seen.
	BlockingAge time.Duration `expr:"blocking_age" json:"blocking_age_ns"`
	// The table of the lock, if it is one of a table or of a row.
	Relation string `expr:"relation" json:"relation"`
	// The lock mode that is waited for.
	Mode string `expr:"mode" json:"mode"`
	// PostgreSQL's wait event: relation, transactionid, tuple, advisory, ….
	WaitEvent string `expr:"wait_event" json:"wait_event"`
	// How long it had been waiting when it was last seen. On another node: since it
	// was first seen.
	Waiting time.Duration `expr:"waiting" json:"waiting_ns"`
	// Citus' global id of the session that waits, 0 where it is not known.
	BlockedGPID int64 `expr:"blocked_gpid" json:"blocked_gpid,omitempty"`
	// That of the session it waits for.
	BlockingGPID int64 `expr:"blocking_gpid" json:"blocking_gpid,omitempty"`
	// The worker that the wait is on, as host:port, where it is on one. The process
	// ids are those of the sessions on the coordinator then.
	Node string `expr:"node" json:"node,omitempty"`
	// In how many samples it was seen.
	Samples int `expr:"samples" json:"samples"`
}

// Capture is what a capture query returned at a sighting.
type Capture struct {
	// Name of the capture query.
	Name string `expr:"name" json:"name"`
	// When it ran.
	At time.Time `expr:"at" json:"at"`
	// Its rows.
	Rows []engine.Row `expr:"rows" json:"rows"`
}
