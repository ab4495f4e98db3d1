package event

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// hidden stands where a secret stood.
const hidden = "*****"

// Mask replaces secrets in everything that leaves a run. It works on whole
// events, before any sink sees them, so that no sink can forget it.
type Mask struct {
	text *strings.Replacer
}

// plainer takes back the escapes that only Go makes.
var plainer = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// NewMask hides each of secrets; empty ones are passed over. The secret as it
// reads inside a JSON string is hidden too, as Go writes one and as PostgreSQL
// does, which leaves < > & as they are.
func NewMask(secrets []string) *Mask {
	pairs := map[string]bool{}
	for _, s := range secrets {
		if s == "" {
			continue
		}
		pairs[s] = true
		quoted, _ := json.Marshal(s)
		quoted = quoted[1 : len(quoted)-1]
		pairs[string(quoted)] = true
		pairs[plainer.Replace(string(quoted))] = true
	}
	if len(pairs) == 0 {
		return nil
	}
	words := make([]string, 0, len(pairs))
	for s := range pairs {
		words = append(words, s)
	}
	// The longest first: a secret that holds another one must not leave its tail.
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	args := make([]string, 0, 2*len(words))
	for _, s := range words {
		args = append(args, s, hidden)
	}
	return &Mask{strings.NewReplacer(args...)}
}

// String hides the secrets in s. A nil Mask returns s.
func (m *Mask) String(s string) string {
	if m == nil {
		return s
	}
	return m.text.Replace(s)
}

// Event returns e with the secrets in all its strings hidden.
func (m *Mask) Event(e Event) Event {
	if m == nil {
		return e
	}
	v := reflect.New(reflect.TypeOf(e)).Elem()
	v.Set(reflect.ValueOf(e))
	return m.value(v).Interface().(Event)
}

// Masked returns v with the secrets in all its strings hidden; its structs have
// exported fields only.
func Masked[T any](m *Mask, v T) T {
	if m == nil {
		return v
	}
	return m.value(reflect.ValueOf(&v).Elem()).Interface().(T)
}

var (
	rawJSON  = reflect.TypeFor[json.RawMessage]()
	timeType = reflect.TypeFor[time.Time]()
)

// value returns v with its strings masked, copying what it changes.
func (m *Mask) value(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		out := reflect.New(v.Type()).Elem()
		out.SetString(m.String(v.String()))
		return out
	case reflect.Struct:
		if v.Type() == timeType { // has no text, and fields of its own
			return v
		}
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			out.Field(i).Set(m.value(v.Field(i)))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(m.value(v.Elem()))
		return out
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		if v.Type() == rawJSON {
			return reflect.ValueOf(m.raw(v.Bytes()))
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(m.value(v.Index(i)))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for k, x := range v.Seq2() {
			out.SetMapIndex(k, m.value(x))
		}
		return out
	default:
		return v
	}
}

// raw masks inside JSON text. A secret made of digits can stand outside a
// string, where the mask would break the text; the whole value is hidden then.
func (m *Mask) raw(b json.RawMessage) json.RawMessage {
	out := json.RawMessage(m.String(string(b)))
	if !json.Valid(out) {
		return json.RawMessage(`"` + hidden + `"`)
	}
	return out
}
