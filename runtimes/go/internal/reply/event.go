package reply

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
)

// event makes the answer of sdk.Event: CloudEvents 1.0, HTTP protocol binding.
func (r *Reply) event(response *sdk.Response, function string, newID func() string) error {
	event, isEvent := response.Body.(sdk.CloudEvent)
	if !isEvent || event.Type == "" {
		return &BadAnswer{"an event needs a type"}
	}
	if event.ID == "" {
		event.ID = newID()
	}
	if event.Source == "" {
		event.Source = "/functions/" + function
	}
	if event.Time == "" {
		event.Time = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	}
	raw := isRaw(event)
	if event.DataContentType == "" && event.Data != nil {
		event.DataContentType = JSON
		if raw {
			event.DataContentType = Bytes
		}
	}
	attributes := event.Attributes()
	for name := range attributes {
		if !isAttribute(name) {
			return &BadAnswer{fmt.Sprintf("%q is not the name of an attribute: lower-case letters and digits", name)}
		}
	}
	if response.IsStructured() {
		return r.structured(attributes, event)
	}
	return r.binary(attributes, event, raw)
}

func (r *Reply) structured(attributes map[string]any, event sdk.CloudEvent) error {
	switch data := event.Data.(type) {
	case nil:
	case []byte:
		attributes["data_base64"] = base64.StdEncoding.EncodeToString(data)
	default:
		attributes["data"] = data
	}
	if err := r.json(attributes); err != nil {
		return err
	}
	r.Type = "application/cloudevents+json"
	return nil
}

func (r *Reply) binary(attributes map[string]any, event sdk.CloudEvent, raw bool) error {
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		if name != "datacontenttype" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		text, isText := attributes[name].(string)
		if !isText {
			encoded, err := json.Marshal(attributes[name])
			if err != nil {
				return &sdk.UnserialisableError{Reason: err}
			}
			text = string(encoded)
		}
		r.Fields = append(r.Fields, core.Field{Name: "ce-" + name, Value: escape(text)})
	}
	if event.Data == nil {
		return nil
	}
	kind := sdk.AsJSON
	if raw {
		kind = sdk.Auto
	}
	if err := r.fill(event.Data, kind); err != nil {
		return err
	}
	r.Type = event.DataContentType
	return nil
}

// isRaw: bytes, and text under a type that is not JSON, go out as they are.
func isRaw(event sdk.CloudEvent) bool {
	if _, isBytes := event.Data.([]byte); isBytes {
		return true
	}
	kind, _, _ := strings.Cut(strings.ToLower(event.DataContentType), ";")
	kind = strings.TrimSpace(kind)
	_, isText := event.Data.(string)
	return isText && kind != "" && kind != JSON && !strings.HasSuffix(kind, "+json")
}

func isAttribute(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return name != "" && name != "data"
}

// escape percent-encodes what the binding (3.1.3.2) does not let into a header.
func escape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}
