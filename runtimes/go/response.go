package sdk

import (
	"fmt"
)

// ResponseKind says how a Body is read.
type ResponseKind uint8

const (
	// Auto: nil is no body, a string is text, []byte is bytes, an io.Reader, a channel or an iterator is a stream,
	// anything else is JSON.
	Auto ResponseKind = iota
	// AsJSON: JSON whatever the value is.
	AsJSON
	// AsStream: pieces.
	AsStream
	// AsEvents: server-sent events.
	AsEvents
	// AsCloudEvent: a CloudEvent.
	AsCloudEvent
)

// Response is an answer with a status and headers of its own.
type Response struct {
	// Status from 200 to 599; 0 is 200, or 204 without a body.
	Status int
	// Body may be anything a handler may return.
	Body any
	// Headers of the answer. Those of the connection and of the platform (X-Function-*) are dropped.
	Headers map[string][]string
	// Kind says how Body is read.
	Kind ResponseKind

	structured bool
}

// New is an answer with a status and a body by the same rules as what a handler returns.
func New(status int, body any) *Response { return &Response{Status: status, Body: body} }

// OK is 200 with the value: a map, struct or number as JSON, a string as text, []byte as bytes.
func OK(body any) *Response { return &Response{Status: 200, Body: body} }

// JSON is 200 with the value as JSON whatever it is: a string is quoted, nil is null.
func JSON(value any) *Response { return &Response{Status: 200, Body: value, Kind: AsJSON} }

// Text is 200 with plain text.
func Text(text string) *Response { return &Response{Status: 200, Body: text} }

// Empty is an answer without a body.
func Empty(status int) *Response { return &Response{Status: status} }

// Error is the status with {"error": message} as JSON.
func Error(status int, err error) *Response {
	message := "unknown error"
	if err != nil {
		message = err.Error()
	}
	return &Response{Status: status, Body: map[string]string{"error": message}, Kind: AsJSON}
}

// Errorf is Error with a formatted message.
func Errorf(status int, format string, args ...any) *Response {
	return Error(status, fmt.Errorf(format, args...))
}

// Batch answers a batch: what came of each item, as {"results": [...]}.
func Batch(results []BatchResult) *Response {
	if results == nil {
		results = []BatchResult{}
	}
	return JSON(map[string]any{"results": results})
}

// Event answers with a CloudEvent in binary mode: attributes as ce-* headers, the data as body. ID defaults to a fresh
// UUID, Source to /functions/<function>, Time to now.
func Event(event CloudEvent) *Response {
	return &Response{Status: 200, Body: event, Kind: AsCloudEvent}
}

// Structured sends a CloudEvent as one JSON document (application/cloudevents+json) instead of headers and body.
func (r *Response) Structured() *Response {
	r.structured = true
	return r
}

// IsStructured says whether Structured was called. The server and the test kit use it.
func (r *Response) IsStructured() bool { return r.structured }

// WithStatus sets the status and gives the same response.
func (r *Response) WithStatus(status int) *Response {
	r.Status = status
	return r
}

// With adds a header and gives the same response; a name given twice is sent twice.
func (r *Response) With(name, value string) *Response {
	if r.Headers == nil {
		r.Headers = map[string][]string{}
	}
	r.Headers[name] = append(r.Headers[name], value)
	return r
}
