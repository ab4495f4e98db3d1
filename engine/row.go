package engine

import (
	"encoding/json"
	"fmt"

	"runbook/engine/postgres"
)

// Row is one row of a result by column name. Its values have the types that
// package postgres documents. A second column of one name is called name_2.
type Row map[string]any

// NewRows names the values of a result.
func NewRows(r *postgres.Result) []Row {
	names := ColumnNames(r.Columns)
	rows := make([]Row, len(r.Rows))
	for i, values := range r.Rows {
		row := make(Row, len(names))
		for j, name := range names {
			row[name] = values[j]
		}
		rows[i] = row
	}
	return rows
}

// ColumnNames are the names that rows have their values under.
func ColumnNames(columns []postgres.Column) []string {
	names := make([]string, len(columns))
	seen := map[string]int{}
	for i, c := range columns {
		names[i] = c.Name
		if seen[c.Name]++; seen[c.Name] > 1 {
			names[i] = fmt.Sprintf("%s_%d", c.Name, seen[c.Name])
		}
	}
	return names
}

// MarshalJSON keeps the exact values, see postgres.EncodeValue.
func (r Row) MarshalJSON() ([]byte, error) {
	out := make(map[string]json.RawMessage, len(r))
	for name, v := range r {
		b, err := postgres.EncodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("write column %s: %w", name, err)
		}
		out[name] = b
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Row) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*r = make(Row, len(raw))
	for name, x := range raw {
		v, err := postgres.DecodeValue(x)
		if err != nil {
			return fmt.Errorf("read column %s: %w", name, err)
		}
		(*r)[name] = v
	}
	return nil
}
