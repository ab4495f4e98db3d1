// Package report shows the records of a run to people and to programs. Each
// form of report is a sink in a file of its own, so that it works on a run that
// is going on as well as on yesterday's journal.
//
// The package decides nothing about a run, and knows no action and no database:
// all it says, it has from the records.
package report
