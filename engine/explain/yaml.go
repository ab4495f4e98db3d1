package explain

// yaml are problems of the text before it means anything.
func yaml() []Problem {
	return []Problem{
		{
			Code: "yaml/syntax", Title: "This is not valid YAML",
			About: `The file cannot be read as YAML, so nothing else of it was checked. YAML's own message may mean the line before. Mostly
				it is a tab in the indentation, a quote or bracket that is not closed, or a colon and a space in a text without
				quotes.`,
			Wrong: `
steps:
  - name: Note: the table is small
    sql: SELECT 1
`,
			Right: `
steps:
  - name: "Note: the table is small"
    sql: SELECT 1
`,
		},
		{
			Code: "yaml/encoding", Title: "The file is not UTF-8 text",
			About: `A byte of the file belongs to no UTF-8 character, or is a NUL. Then nobody can say what a text in it means. Save the
				file as UTF-8; a NUL mostly says that it is no text at all.`,
		},
		{
			Code: "yaml/empty", Title: "The file holds nothing",
			About: `There is nothing in the file but blanks and comments. That is an accident more often than a runbook which does
				nothing. A runbook begins with runbook: v1 and has steps; runbook new NAME writes one to begin with.`,
			Whole: true,
			Wrong: `
# to be written
`,
			Right: `
steps:
  - sql: SELECT 1
`,
		},
		{
			Code: "yaml/documents", Title: "The file holds several YAML documents",
			About: `A line --- begins a second document, which would be passed over in silence. One runbook is one document: remove the
				line, or make two files of it.`,
			Wrong: `
steps:
  - sql: SELECT 1
---
steps:
  - sql: SELECT 2
`,
			Right: `
steps:
  - sql: SELECT 1
  - sql: SELECT 2
`,
		},
		{
			Code: "yaml/key", Title: "A key is no plain name",
			About: `YAML lets a list or a mapping be a key; the language has no use for that. It is often a ${…} or a {…} at the beginning
				of a line that lacks its quotes.`,
			Wrong: `
vars:
  ? [a, b]
  : 1
steps:
  - sql: SELECT 1
`,
			Right: `
vars:
  a: 1
steps:
  - sql: SELECT ${a}
`,
		},
		{
			Code: "yaml/merge", Title: "Merge keys are not part of the language",
			About: `<< copies keys from elsewhere, and which of two equal keys wins is not visible in the file. Write the keys out, or
				name the whole value with an anchor and use it by its alias.`,
			Wrong: `
steps:
  - sql: SELECT 1
    settings: &calm {lock_timeout: 200ms}
  - sql: SELECT 2
    settings:
      <<: *calm
`,
			Right: `
steps:
  - sql: SELECT 1
    settings: &calm {lock_timeout: 200ms}
  - sql: SELECT 2
    settings: *calm
`,
		},
		{
			Code: "yaml/duplicate-key", Title: "A mapping has a key twice",
			About: `Of two equal keys a YAML reader keeps one, and which one is a matter of luck. Remove one of them. Two steps need two
				entries of the list, each with its own -.`,
			Wrong: `
steps:
  - sql: SELECT 1
    sql: SELECT 2
`,
			Right: `
steps:
  - sql: SELECT 1
  - sql: SELECT 2
`,
		},
		{
			Code: "yaml/alias", Title: "An alias cannot be replaced by what it names",
			About: `An alias stands inside the value that it names, or aliases of aliases make the file grow without bound. Write the
				value out.`,
			Wrong: `
vars:
  stores: &stores [1, *stores]
steps:
  - sql: SELECT ${stores}
`,
			Right: `
vars:
  stores: [1, 2]
steps:
  - sql: SELECT ${stores}
`,
		},
	}
}
