// Package postgres is the one place that knows PostgreSQL: sessions, values by
// type, SQLSTATEs and positions, quoting, splitting and classifying SQL text.
//
// A [Session] runs one statement at a time in the text format, so a result is
// what psql shows and no type loses anything on the way. It never repeats a
// statement by itself and never calls one safe to repeat: a connection that
// died after a statement was sent is a [LostError], outcome unknown.
//
// The package does not pool, retry, log, or know what a runbook is. It does not
// parse SQL either; it scans it after psql's rules, and leaves the grammar to
// the server (see [Session.Describe]).
package postgres
