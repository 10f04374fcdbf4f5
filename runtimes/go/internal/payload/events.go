package payload

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
)

// binaryEvent reads the ce-* headers: CloudEvents 1.0, HTTP protocol binding, 3.1.
func binaryEvent(headers sdk.Headers, contentType string) *sdk.CloudEvent {
	attributes := map[string]any{}
	for name, value := range headers.Map() {
		if strings.HasPrefix(name, attributePrefix) && len(name) > len(attributePrefix) {
			attributes[name[len(attributePrefix):]] = Unescape(strings.Trim(value, `"`), false)
		}
	}
	if contentType != "" {
		attributes["datacontenttype"] = contentType
	}
	event, _ := makeEvent(attributes, false)
	return event
}

// makeEvent sorts attributes into their fields; what is no string stays among the extensions. strict demands what
// every event has.
func makeEvent(attributes map[string]any, strict bool) (*sdk.CloudEvent, error) {
	event := &sdk.CloudEvent{}
	places := map[string]*string{
		"id": &event.ID, "source": &event.Source, "type": &event.Type, "subject": &event.Subject, "time": &event.Time,
		"datacontenttype": &event.DataContentType, "dataschema": &event.DataSchema,
	}
	for name, value := range attributes {
		place, known := places[name]
		text, isText := value.(string)
		switch {
		case known && isText:
			*place = text
		case name == "specversion" || value == nil:
		default:
			if event.Extensions == nil {
				event.Extensions = map[string]any{}
			}
			event.Extensions[name] = value
		}
	}
	if !strict {
		return event, nil
	}
	if attributes["specversion"] != "1.0" {
		return nil, fmt.Errorf("its specversion is not \"1.0\"")
	}
	for _, name := range []string{"id", "source", "type"} {
		if *places[name] == "" {
			return nil, fmt.Errorf("it has no %s", name)
		}
	}
	return event, nil
}

// structuredEvent is the event and the data of one JSON document.
func structuredEvent(document any) (*sdk.CloudEvent, any, error) {
	object, isObject := document.(map[string]any)
	if !isObject {
		return nil, nil, fmt.Errorf("it is not a JSON object")
	}
	attributes := make(map[string]any, len(object))
	for name, value := range object {
		if name != "data" && name != "data_base64" {
			attributes[strings.ToLower(name)] = value
		}
	}
	event, err := makeEvent(attributes, true)
	if err != nil {
		return nil, nil, err
	}
	encoded, isEncoded := object["data_base64"]
	if !isEncoded {
		return event, object["data"], nil
	}
	data, err := decodeData(encoded, event.DataContentType)
	return event, data, err
}

func decodeData(encoded any, contentType string) (any, error) {
	text, isText := encoded.(string)
	if !isText {
		return nil, fmt.Errorf("its data_base64 is not a string")
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("its data_base64 does not decode: %v", err)
	}
	value, err := ordinary(data, mediaType(contentType), contentType != "")
	if value == none {
		value = map[string]any{}
	}
	return value, err
}

func fillStructured(ctx *sdk.Context) error {
	document, err := ParseJSON(ctx.Body)
	if err != nil {
		return bad("the body is declared %s but does not parse: %v", structuredType, err)
	}
	event, data, err := structuredEvent(document)
	if err != nil {
		return bad("the body is no CloudEvent: %v", err)
	}
	ctx.Event = event
	set(ctx, data)
	return nil
}

func fillEventBatch(ctx *sdk.Context) error {
	document, err := ParseJSON(ctx.Body)
	if err != nil {
		return bad("the body is declared %s but does not parse: %v", eventBatchType, err)
	}
	list, isList := document.([]any)
	if !isList {
		return bad("the body is no batch of CloudEvents: it is not a JSON array")
	}
	items := make([]sdk.BatchItem, len(list))
	for i, one := range list {
		event, data, err := structuredEvent(one)
		if err != nil {
			return bad("item %d of the batch is no CloudEvent: %v", i, err)
		}
		items[i] = sdk.BatchItem{
			ID: event.ID, Data: data, Source: event.Source, Timestamp: event.Time, Attempt: ctx.Trigger.Attempt, Event: event,
		}
		if event.Time == "" {
			items[i].Timestamp = ctx.Trigger.Timestamp
		}
	}
	setBatch(ctx, items)
	return nil
}

type hanzoItem struct {
	ID        *string
	Data      json.RawMessage
	Source    *string
	Timestamp *string
	Attempt   *int
	Headers   map[string]string
}

func fillHanzoBatch(ctx *sdk.Context) error {
	if _, err := ParseJSON(ctx.Body); err != nil {
		return bad("the body is declared %s but does not parse: %v", hanzoBatchType, err)
	}
	var document struct{ Items *[]hanzoItem }
	if err := json.Unmarshal(ctx.Body, &document); err != nil {
		return bad("the body is no batch: %v", err)
	}
	if document.Items == nil {
		return bad("the body is no batch: it has no list of items")
	}
	seen := make(map[string]bool, len(*document.Items))
	items := make([]sdk.BatchItem, len(*document.Items))
	for i, one := range *document.Items {
		if one.ID == nil || *one.ID == "" || one.Data == nil {
			return bad("item %d of the batch has no id or no data", i)
		}
		if seen[*one.ID] {
			return bad("the id %q is in the batch twice", *one.ID)
		}
		seen[*one.ID] = true
		item, err := makeItem(ctx, one)
		if err != nil {
			return bad("item %d of the batch does not parse: %v", i, err)
		}
		items[i] = item
	}
	setBatch(ctx, items)
	return nil
}

func makeItem(ctx *sdk.Context, one hanzoItem) (sdk.BatchItem, error) {
	item := sdk.BatchItem{
		ID: *one.ID, Source: ctx.Trigger.Source, Timestamp: ctx.Trigger.Timestamp, Attempt: ctx.Trigger.Attempt,
		Headers: sdk.HeadersOf(fieldsOf(one.Headers)),
	}
	if one.Source != nil {
		item.Source = *one.Source
	}
	if one.Timestamp != nil {
		item.Timestamp = *one.Timestamp
	}
	if one.Attempt != nil {
		item.Attempt = *one.Attempt
	}
	return item, json.Unmarshal(one.Data, &item.Data)
}

func fieldsOf(headers map[string]string) []core.Field {
	fields := make([]core.Field, 0, len(headers))
	for name, value := range headers {
		fields = append(fields, core.Field{Name: name, Value: value})
	}
	return fields
}

// setBatch leaves Data nil: the items have it.
func setBatch(ctx *sdk.Context, items []sdk.BatchItem) {
	ctx.Batch = items
	values := make([]any, len(items))
	for i := range items {
		values[i] = items[i].Data
	}
	ctx.Value = values
}
