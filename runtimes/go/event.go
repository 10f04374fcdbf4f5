package sdk

import (
	"encoding/json"
	"time"
)

// CloudEvent holds the attributes of a CloudEvents 1.0 event, and the data of one that is sent.
type CloudEvent struct {
	ID     string
	Source string
	Type   string
	// Subject, Time (RFC 3339), DataContentType and DataSchema are empty where the event does not have them.
	Subject         string
	Time            string
	DataContentType string
	DataSchema      string
	// Extensions are the other attributes by their names, which are lower-case letters and digits.
	Extensions map[string]any
	// Data of an event that is sent. That of a received one is in Context.Data, Context.Value and Context.Body.
	Data any
}

// Attributes are the attributes as one map, "specversion" included, without those that are empty.
func (e *CloudEvent) Attributes() map[string]any {
	all := make(map[string]any, 8+len(e.Extensions))
	for name, value := range e.Extensions {
		all[name] = value
	}
	all["specversion"] = "1.0"
	for _, attribute := range []struct{ name, value string }{
		{"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject}, {"time", e.Time},
		{"datacontenttype", e.DataContentType}, {"dataschema", e.DataSchema},
	} {
		if attribute.value != "" {
			all[attribute.name] = attribute.value
		}
	}
	return all
}

// At is the event's time; the zero time where it has none.
func (e *CloudEvent) At() time.Time { return Trigger{Timestamp: e.Time}.Time() }

// MarshalJSON writes the attributes as one object.
func (e *CloudEvent) MarshalJSON() ([]byte, error) { return json.Marshal(e.Attributes()) }

// BatchItem is one message of a batch.
type BatchItem struct {
	ID   string
	Data any
	// Source, Timestamp and Attempt are as in Trigger.
	Source    string
	Timestamp string
	Attempt   int
	Headers   Headers
	// Event holds the attributes where the batch is one of CloudEvents.
	Event *CloudEvent
}

// BatchResult says what came of one item of a batch.
type BatchResult struct {
	ID     string
	Output any
	// Error is nil where the item succeeded.
	Error *BatchError
}

// BatchError says why an item failed.
type BatchError struct {
	// Kind is "transient" (the item comes again) or "permanent" (it does not); any other is taken as the function's own.
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// MarshalJSON writes {"id", "output"} or {"id", "error"}.
func (r BatchResult) MarshalJSON() ([]byte, error) {
	if r.Error != nil {
		return json.Marshal(map[string]any{"id": r.ID, "error": r.Error})
	}
	return json.Marshal(map[string]any{"id": r.ID, "output": r.Output})
}
