// Package schemas holds the JSON Schema of the runbook language, for editors.
// It is generated from the actions and what they say of themselves, as are the
// pages in docs/actions. It follows draft-07, the latest that the YAML language
// server knows.
//
// The schema promises less than the program: it knows keys and types, while
// `runbook validate` knows names, expressions and SQL too.
package schemas

import _ "embed"

//go:generate go run ./internal/generate ..

// Runbook is the schema of a runbook.
//
//go:embed runbook.schema.json
var Runbook string
