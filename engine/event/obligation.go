package event

// Obligation is a ledger entry: something that a run took away and owes.
type Obligation struct {
	ID         string `json:"id"`    // "foreign key orders_store_id_fkey on public.orders"
	Table      string `json:"table"` // schema-qualified, quoted where needed
	Name       string `json:"name"`
	References string `json:"references,omitempty"` // the other table, likewise
	Restore    string `json:"restore"`              // the full statement that brings it back
	Connection string `json:"connection,omitempty"` // the runbook's, where it leads to another database than main

	// Column is the one whose dropping takes it along: it can come back only if a
	// column of that name does.
	Column *Column `json:"column,omitempty"`
}

// Column names a column of a table, which is schema-qualified and quoted where
// needed.
type Column struct {
	Table string `json:"table"`
	Name  string `json:"name"`
}

func (c Column) String() string { return c.Table + "." + c.Name }

// ObligationOpened is on disk before the object is dropped.
type ObligationOpened struct {
	Step       Step       `json:"step"`
	Obligation Obligation `json:"obligation"`
}

// ObligationClosed says that the object was seen in the catalog again, or that
// a person gave it up.
type ObligationClosed struct {
	Step   Step   `json:"step"`
	ID     string `json:"id"`
	Waived bool   `json:"waived,omitempty"` // given up for good
}
