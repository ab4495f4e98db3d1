package event

// Failure is why something did not work, as facts that a report can lay out.
type Failure struct {
	Message    string    `json:"message"`
	SQLState   string    `json:"sqlstate,omitempty"`
	Condition  string    `json:"condition,omitempty"` // PostgreSQL's name of the SQLSTATE
	Detail     string    `json:"detail,omitempty"`
	Hint       string    `json:"hint,omitempty"`
	Context    string    `json:"context,omitempty"`
	Statement  string    `json:"statement,omitempty"`
	Connection string    `json:"connection,omitempty"`
	Place      *Place    `json:"place,omitempty"`
	Excerpt    string    `json:"excerpt,omitempty"` // source lines with a caret, ready to print
	Operands   []Operand `json:"operands,omitempty"`
	Notes      []string  `json:"notes,omitempty"` // the state that was left, the next command
	Unknown    bool      `json:"unknown,omitempty"`
}

// Operand is a part of an expression with the value it had.
type Operand struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}
