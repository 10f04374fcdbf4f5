package sdk

import (
	"encoding/json"
	"strings"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// Headers are the header fields of a request, or of one message of a batch. Names have no case.
type Headers struct {
	fields []core.Field
}

// NewHeaders makes headers from names and values, for a test or a call of one's own.
func NewHeaders(values map[string]string) Headers {
	fields := make([]core.Field, 0, len(values))
	for name, value := range values {
		fields = append(fields, core.Field{Name: name, Value: value})
	}
	return Headers{fields}
}

// HeadersOf wraps the fields of a request. The server and the test kit use it.
func HeadersOf(fields []core.Field) Headers { return Headers{fields} }

// Get is the value under the name, empty where there is none. The values of a repeated field are joined by ", ",
// those of cookie by "; ".
func (h Headers) Get(name string) string {
	value, _ := core.Joined(h.fields, name)
	return value
}

// Has says whether there is a field of that name.
func (h Headers) Has(name string) bool {
	_, found := core.Get(h.fields, name)
	return found
}

// Values are the values under the name, one for each time it was sent.
func (h Headers) Values(name string) []string {
	var values []string
	for _, field := range h.fields {
		if strings.EqualFold(field.Name, name) {
			values = append(values, field.Value)
		}
	}
	return values
}

// Map has every field under its name in lower case, joined as Get does.
func (h Headers) Map() map[string]string {
	all := make(map[string]string, len(h.fields))
	for _, field := range h.fields {
		name := strings.ToLower(field.Name)
		if _, known := all[name]; !known {
			all[name] = h.Get(name)
		}
	}
	return all
}

// MarshalJSON writes what Map gives.
func (h Headers) MarshalJSON() ([]byte, error) { return json.Marshal(h.Map()) }
