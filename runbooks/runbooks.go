// Package runbooks holds the runbooks that ship with the program. They are
// checked like any other, and those that a sandbox can rehearse are run by the
// tests.
package runbooks

import "embed"

// FS has the runbooks and the files they name.
//
//go:embed *.yaml tailspin/*.yaml
var FS embed.FS
