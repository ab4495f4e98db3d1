package engine

import (
	"fmt"
	"reflect"
	"time"
)

// Description is what an action says of itself, for a schema or a reference
// page. Its texts stand in the doc comments of the Go types it names.
type Description struct {
	Name    string
	Args    *Struct
	Result  *Struct
	Selects bool  // register can name a part of the result: see Selector
	Compare *Type // what compare(after, before) gives of two results, or nil
}

// Struct describes a struct of arguments or of a result.
type Struct struct {
	Package string // import path of the Go type
	Name    string // of the Go type
	Fields  []Field
}

// Field describes an argument or a part of a result. A part of a result has
// Name, GoName and Type only.
type Field struct {
	Name     string // in the language
	GoName   string
	Type     Type
	Required bool
	Main     bool     // a bare value stands for this field
	Default  string   // as the runbook would write it
	Enum     []string // the values a text may have, or nil for all
}

// Kind is the kind of a value, in the language's words.
type Kind string

const (
	KindText      Kind = "text"
	KindWhole     Kind = "whole number"
	KindNumber    Kind = "number"
	KindBool      Kind = "true or false"
	KindDuration  Kind = "duration"
	KindSQL       Kind = "SQL"
	KindFile      Kind = "file"
	KindQuery     Kind = "query"
	KindExpr      Kind = "expression"
	KindCondition Kind = "condition"
	KindSteps     Kind = "steps"
	KindTime      Kind = "time"  // in results only, as are the two that follow
	KindRow       Kind = "row"   //
	KindValue     Kind = "value" // of any kind
	KindList      Kind = "list"
	KindMap       Kind = "mapping" // from names
	KindStruct    Kind = "struct"
)

// Type is a Kind, with what a list or a mapping holds and what a struct is.
type Type struct {
	Kind   Kind
	Elem   *Type
	Struct *Struct
}

// Describe describes the action.
func (a Action) Describe() Description {
	_, selects := reflect.Zero(a.result).Interface().(Selector)
	return Description{
		Name:    a.Name,
		Args:    describeArgs(a.args),
		Result:  describeResult(a.result),
		Selects: selects,
		Compare: describeCompare(a.result),
	}
}

func describeArgs(t reflect.Type) *Struct {
	s := &Struct{Package: t.PkgPath(), Name: t.Name()}
	for _, f := range fields(t) {
		s.Fields = append(s.Fields, Field{
			Name: f.name, GoName: t.Field(f.index).Name, Type: argType(f.typ, f.file),
			Required: f.required, Main: f.main, Default: f.fallback, Enum: f.enum,
		})
	}
	return s
}

// argType follows bind.
func argType(t reflect.Type, file bool) Type {
	switch {
	case t == typeSQL && file:
		return Type{Kind: KindFile}
	case t == typeSQL:
		return Type{Kind: KindSQL}
	case t == typeQuery:
		return Type{Kind: KindQuery}
	case t == typeSteps:
		return Type{Kind: KindSteps}
	case t == typeDuration:
		return Type{Kind: KindDuration}
	case reflect.PointerTo(t).Implements(typeExpr):
		if want := reflect.New(t).Interface().(exprField).want(); want != nil && want.Kind() == reflect.Bool {
			return Type{Kind: KindCondition}
		}
		return Type{Kind: KindExpr}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return argType(t.Elem(), file)
	case reflect.Struct:
		return Type{Kind: KindStruct, Struct: describeArgs(t)}
	case reflect.Slice:
		kind, elem := KindList, t.Elem()
		if isOrdered(t) {
			value, _ := elem.FieldByName("Value")
			kind, elem = KindMap, value.Type
		}
		of := argType(elem, file)
		return Type{Kind: kind, Elem: &of}
	default:
		return Type{Kind: scalarKind(t)}
	}
}

func describeResult(t reflect.Type) *Struct {
	s := &Struct{Package: t.PkgPath(), Name: t.Name()}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			name, ok := f.Tag.Lookup("expr")
			if !ok {
				name = f.Name
			}
			s.Fields = append(s.Fields, Field{Name: name, GoName: f.Name, Type: resultPart(f.Type)})
		}
	}
	return s
}

func resultPart(t reflect.Type) Type {
	switch t {
	case typeDuration:
		return Type{Kind: KindDuration}
	case typeDecimal:
		return Type{Kind: KindNumber}
	case reflect.TypeFor[time.Time]():
		return Type{Kind: KindTime}
	case reflect.TypeFor[Row]():
		return Type{Kind: KindRow}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return resultPart(t.Elem())
	case reflect.Struct:
		return Type{Kind: KindStruct, Struct: describeResult(t)}
	case reflect.Slice, reflect.Map:
		kind := KindList
		if t.Kind() == reflect.Map {
			kind = KindMap
		}
		of := resultPart(t.Elem())
		return Type{Kind: kind, Elem: &of}
	case reflect.Interface:
		return Type{Kind: KindValue}
	default:
		return Type{Kind: scalarKind(t)}
	}
}

func describeCompare(result reflect.Type) *Type {
	m, ok := result.MethodByName("CompareWith")
	if !ok || m.Type.NumOut() == 0 {
		return nil
	}
	t := resultPart(m.Type.Out(0))
	return &t
}

// scalarKind panics for a type that the language has no word for: the mistake
// is in the action's code, and its first test or generation shows it.
func scalarKind(t reflect.Type) Kind {
	switch t.Kind() {
	case reflect.String:
		return KindText
	case reflect.Bool:
		return KindBool
	case reflect.Int, reflect.Int64:
		return KindWhole
	case reflect.Float64:
		return KindNumber
	}
	panic(fmt.Sprintf("an action cannot have a field of the type %s", t))
}
