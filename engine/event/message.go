package event

// Notice is a NOTICE, WARNING or LOG message of the server.
type Notice struct {
	Step       Step   `json:"step"`
	Connection string `json:"connection"`
	Severity   string `json:"severity"`
	SQLState   string `json:"sqlstate"`
	Message    string `json:"message"`
	Detail     string `json:"detail,omitempty"`
	Hint       string `json:"hint,omitempty"`
}

// Warning is something a person should know that failed nothing.
type Warning struct {
	Step Step   `json:"step,omitempty"`
	Text string `json:"text"`
}

// Instruction asks a person to do something outside the database.
type Instruction struct {
	Step Step   `json:"step"`
	For  string `json:"for"`
	Tell string `json:"tell"`
}

// Shown are rows that a step was asked to show, as psql would write the values.
type Shown struct {
	Step    Step       `json:"step"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	More    int64      `json:"more,omitempty"` // rows beyond these
}
