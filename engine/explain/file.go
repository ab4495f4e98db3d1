package explain

// files are problems of reading a file.
func files() []Problem {
	return []Problem{
		{
			Code: "file/missing", Title: "There is no such file",
			About: `The command line, sandbox.setup or a step names a file that is not there. Names in a runbook are relative to the
				runbook's own directory, not to the one you stand in. Mend the name, or commit the file.`,
			Wrong: `
steps:
  - sql: {file: create_tabels.sql}
`,
			Right: `
steps:
  - sql: CREATE TABLE shelves (shelf_id bigint PRIMARY KEY)
`,
		},
		{
			Code: "file/directory", Title: "A directory stands where a file is wanted",
			About: `A runbook is one file, and so is what a step reads. To check many runbooks, name them all: runbook validate
				runbooks/*.yaml.`,
			Wrong: `
steps:
  - sql: {file: .}
`,
			Right: `
steps:
  - sql: SELECT 1
`,
		},
		{
			Code: "file/size", Title: "The file is too large to be a runbook",
			About: `A runbook of more than 16 MB is a dump, or the wrong file. Data belongs into a file of its own that a sql step reads
				by file, or into the database by COPY.`,
		},
		{
			Code: "file/unreadable", Title: "The file is there and cannot be read",
			About: `The system refuses to open or to read the file and says why: mostly its permissions. Mend them, or run as the user
				whom the file belongs to.`,
		},
	}
}
