package engine

import (
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// columns is what a server has told of the results of a plan's statements. A nil
// one knows nothing.
type columns struct {
	texts   map[*syntax.Node][]postgres.Column // by the scalar of the SQL
	results map[string][]postgres.Column       // of steps, by path
	names   []string                           // of all columns
}

func newColumns() *columns {
	return &columns{texts: map[*syntax.Node][]postgres.Column{}, results: map[string][]postgres.Column{}}
}

func (c *columns) text(n *syntax.Node, cols []postgres.Column, sure bool) {
	merge(c.texts, n, cols, sure)
	c.names = append(c.names, ColumnNames(cols)...)
}

func (c *columns) result(path string, cols []postgres.Column, sure bool) {
	merge(c.results, path, cols, sure)
}

// merge keeps columns that are the same each time; nil stands for ones that are
// not known.
func merge[K comparable](m map[K][]postgres.Column, key K, cols []postgres.Column, sure bool) {
	before, seen := m[key]
	if !sure || seen && !reflect.DeepEqual(before, cols) {
		cols = nil
	}
	m[key] = cols
}

// columnTypes are the static types of the rows, the row and the value of a result, ok
// when they are known.
func columnTypes(cols []postgres.Column) (rows, row, value types.Type, ok bool) {
	if len(cols) == 0 {
		return nil, nil, nil, false
	}
	m := types.Map{}
	for i, name := range ColumnNames(cols) {
		m[name] = columnType(cols[i])
	}
	value = types.Any
	if len(cols) == 1 {
		value = columnType(cols[0])
	}
	return types.Array(m), m, value, true
}

// columnType is the static type of a column's values. What has several forms, as
// json does, is left open, and so are the elements of an array: those of an
// integer[] of two dimensions are lists.
func columnType(c postgres.Column) types.Type {
	switch c.Type {
	case "boolean":
		return types.Bool
	case "smallint", "integer", "bigint", "oid":
		return types.Int64
	case "real", "double precision":
		return types.Float64
	case "text", "character varying", "character", "name", "uuid":
		return types.String
	case "date", "timestamp without time zone", "timestamp with time zone":
		return goType(reflect.TypeFor[time.Time]())
	case "numeric":
		return opaque{typeDecimal}
	case "interval":
		return opaque{typeDuration}
	}
	if strings.HasSuffix(c.Type, "[]") {
		return types.Array(types.Any)
	}
	return types.Any
}

// part is the type of what register names of a step's result.
func (c *columns) part(path string, part syntax.Part) (types.Type, bool) {
	if c == nil {
		return nil, false
	}
	rows, row, value, ok := columnTypes(c.results[path])
	switch {
	case !ok:
		return nil, false
	case part == syntax.PartRows:
		return rows, true
	case part == syntax.PartRow:
		return row, true
	default:
		return value, len(c.results[path]) == 1
	}
}

// step is the type of a step's whole result: its rows have known columns.
func (c *columns) step(path string, result reflect.Type) (types.Type, bool) {
	if c == nil {
		return nil, false
	}
	m, isMap := goType(result).(types.Map)
	rows, _, _, ok := columnTypes(c.results[path])
	if _, has := m["rows"]; !isMap || !ok || !has {
		return nil, false
	}
	m["rows"] = rows
	return m, true
}

// queryNode is where the one SQL text of a struct stands, nil when there is none.
func queryNode(args reflect.Value) *syntax.Node {
	for i := range args.NumField() {
		if args.Type().Field(i).Type != typeSQL {
			continue
		}
		if s := args.Field(i).Interface().(SQL); s.node != nil {
			return s.node
		}
	}
	return nil
}

// extra gives the names that an expression sees beside the runbook's own the
// types of the query that stands in the same struct.
func (c *columns) extra(names Names, args reflect.Value) Names {
	if _, has := names["rows"]; c == nil || !has {
		return names
	}
	rows, row, value, ok := columnTypes(c.texts[queryNode(args)])
	if !ok {
		return names
	}
	out := Names{"rows": rows, "row": row, "value": value}
	for name, v := range names {
		if _, typed := out[name]; !typed {
			out[name] = v
		}
	}
	return out
}
