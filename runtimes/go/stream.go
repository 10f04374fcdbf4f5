package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// Writer sends the pieces of a streamed answer. Each goes out at once; a slow reader holds the call up. The answer's
// head goes out with the first piece, and its type follows it unless the response names one.
type Writer struct {
	pieces core.Pieces
}

// NewWriter is the writer over a call's pieces. The server and the test kit use it.
func NewWriter(pieces core.Pieces) *Writer { return &Writer{pieces} }

// Context ends when the call is cancelled.
func (w *Writer) Context() context.Context { return w.pieces.Context() }

// Write sends bytes as they are.
func (w *Writer) Write(data []byte) (int, error) {
	if err := w.pieces.Piece(core.Bytes, data); err != nil {
		return 0, err
	}
	return len(data), nil
}

// WriteString sends text as it is.
func (w *Writer) WriteString(text string) (int, error) {
	if err := w.pieces.Piece(core.Text, []byte(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Send sends a []byte or a string as it is, and anything else as one line of JSON.
func (w *Writer) Send(piece any) error {
	switch piece := piece.(type) {
	case []byte:
		return w.pieces.Piece(core.Bytes, piece)
	case string:
		return w.pieces.Piece(core.Text, []byte(piece))
	}
	line, err := EncodeJSON(piece)
	if err != nil {
		return err
	}
	return w.pieces.Piece(core.Line, append(line, '\n'))
}

// ServerEvent is one event of text/event-stream. Data that is no string is sent as JSON.
type ServerEvent struct {
	Event string
	ID    string
	// Retry is how long the client waits before it reconnects; 0 leaves that to it.
	Retry time.Duration
	Data  any
}

// EventWriter sends server-sent events.
type EventWriter struct {
	pieces core.Pieces
}

// NewEventWriter is the writer over a call's pieces. The server and the test kit use it.
func NewEventWriter(pieces core.Pieces) *EventWriter { return &EventWriter{pieces} }

// Context ends when the call is cancelled.
func (w *EventWriter) Context() context.Context { return w.pieces.Context() }

// Send sends one event: a ServerEvent, or its data alone.
func (w *EventWriter) Send(event any) error {
	data, err := encodeEvent(event)
	if err != nil {
		return err
	}
	return w.pieces.Piece(core.Event, data)
}

// Stream answers with the pieces that write sends. It runs after the handler has returned, under the call's deadline.
// An error before the first piece is a clean answer; one after it cuts the connection, so that a client cannot take a
// part for the whole.
func Stream(write func(w *Writer) error) *Response {
	return &Response{Status: 200, Body: write, Kind: AsStream}
}

// StreamFrom answers with the pieces of a source: an io.Reader (closed at the end where it is an io.Closer), a channel,
// or an iterator (func(yield func(T) bool), func(yield func(T, error) bool)).
func StreamFrom(source any) *Response { return &Response{Status: 200, Body: source, Kind: AsStream} }

// SSE answers with the server-sent events that write sends.
func SSE(write func(w *EventWriter) error) *Response {
	return &Response{Status: 200, Body: write, Kind: AsEvents}
}

// SSEFrom answers with the server-sent events of a channel or an iterator.
func SSEFrom(source any) *Response { return &Response{Status: 200, Body: source, Kind: AsEvents} }

func encodeEvent(event any) ([]byte, error) {
	var text []byte
	full, isFull := event.(ServerEvent)
	if pointer, isPointer := event.(*ServerEvent); isPointer && pointer != nil {
		full, isFull = *pointer, true
	}
	if !isFull {
		full = ServerEvent{Data: event}
	}
	text = appendEventField(text, "event", full.Event)
	text = appendEventField(text, "id", full.ID)
	if full.Retry > 0 {
		text = appendEventField(text, "retry", strconv.FormatInt(full.Retry.Milliseconds(), 10))
	}
	if isFull && full.Data == nil {
		return append(text, '\n'), nil
	}
	data, err := eventData(full.Data)
	if err != nil {
		return nil, err
	}
	data = strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
	for _, line := range strings.Split(data, "\n") {
		text = append(append(append(text, "data: "...), line...), '\n')
	}
	return append(text, '\n'), nil
}

func eventData(data any) (string, error) {
	switch data := data.(type) {
	case string:
		return data, nil
	case []byte:
		return string(data), nil
	}
	encoded, err := EncodeJSON(data)
	return string(encoded), err
}

// A line break in these fields would start another field.
var oneLine = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\x00", " ")

func appendEventField(text []byte, name, value string) []byte {
	if value == "" {
		return text
	}
	return append(append(append(append(text, name...), ": "...), oneLine.Replace(value)...), '\n')
}

// UnserialisableError says that a value has no form in JSON.
type UnserialisableError struct{ Reason error }

func (e *UnserialisableError) Error() string { return fmt.Sprintf("JSON cannot hold it: %v", e.Reason) }

// Unwrap is the reason that the encoder gave.
func (e *UnserialisableError) Unwrap() error { return e.Reason }

// EncodeJSON is the JSON text of a value as the platform sends it: compact, and without HTML escapes.
func EncodeJSON(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, &UnserialisableError{err}
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
