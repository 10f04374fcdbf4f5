// Package reply turns what a handler returned into an answer: the table of section 3 of the runtime contract.
package reply

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/http1"
)

const (
	JSON  = "application/json"
	Text  = "text/plain; charset=utf-8"
	Bytes = "application/octet-stream"
	Lines = "application/x-ndjson"
	SSE   = "text/event-stream"
)

// Reply is an answer that is ready to be sent.
type Reply struct {
	Status int
	// Fields are those of the function, without those that are not its to set.
	Fields []core.Field
	// Type of the body; empty where there is none, where Fields name it, or where the first piece decides.
	Type string
	// Typed says that Fields name the type.
	Typed bool
	// Body of a whole answer; HasBody is false for none.
	Body    []byte
	HasBody bool
	// Pieces sends a streamed one; nil for a whole one.
	Pieces func(core.Pieces) error
	// Close frees the source of a stream that nobody reads; may be nil.
	Close func()
}

// BadAnswer is a Response with a status or a header that HTTP does not know, or a body that it cannot have.
type BadAnswer struct{ Msg string }

func (e *BadAnswer) Error() string { return e.Msg }

// Of is the answer for a value. It fails with *BadAnswer, *sdk.UnserialisableError, or the error that the value is.
func Of(value any, function string, newID func() string) (*Reply, error) {
	response, isResponse := value.(*sdk.Response)
	if plain, isPlain := value.(sdk.Response); isPlain {
		response, isResponse = &plain, true
	}
	if isResponse && response != nil {
		return ofResponse(response, function, newID)
	}
	if value == nil || isResponse {
		return &Reply{Status: 204}, nil
	}
	if err, isError := value.(error); isError {
		return nil, err
	}
	reply := &Reply{Status: 200}
	return reply, reply.fill(value, sdk.Auto)
}

func ofResponse(response *sdk.Response, function string, newID func() string) (*Reply, error) {
	reply := &Reply{Status: response.Status}
	if response.Status == 0 {
		reply.Status = 200
		if response.Body == nil && response.Kind == sdk.Auto {
			reply.Status = 204
		}
	}
	if reply.Status < 200 || reply.Status > 599 {
		return nil, &BadAnswer{fmt.Sprintf("the status of the Response is %d, not a number from 200 to 599", response.Status)}
	}
	typed, err := reply.headers(response.Headers)
	if err != nil {
		return nil, err
	}
	if response.Kind == sdk.AsCloudEvent {
		err = reply.event(response, function, newID)
	} else {
		err = reply.fill(response.Body, response.Kind)
	}
	if typed {
		reply.Type, reply.Typed = "", true
	}
	return reply, err
}

// headers takes over those that are the function's to set; typed says whether they name the type.
func (r *Reply) headers(headers map[string][]string) (typed bool, err error) {
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !http1.IsToken(name) {
			return false, &BadAnswer{fmt.Sprintf("%q is not the name of a header", name)}
		}
		lower := strings.ToLower(name)
		if isDropped(lower) {
			continue
		}
		for _, value := range headers[name] {
			if !http1.IsValue(value) {
				return false, &BadAnswer{fmt.Sprintf("the value of the header %s holds a control character", name)}
			}
			typed = typed || lower == "content-type"
			r.Fields = append(r.Fields, core.Field{Name: name, Value: strings.Trim(value, " \t")})
		}
	}
	return typed, nil
}

func isDropped(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length":
		return true
	}
	return strings.HasPrefix(name, "x-function-")
}

func (r *Reply) fill(value any, kind sdk.ResponseKind) error {
	switch kind {
	case sdk.AsJSON:
		return r.json(value)
	case sdk.AsStream:
		return r.stream(value)
	case sdk.AsEvents:
		return r.events(value)
	}
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		r.Type, r.Body, r.HasBody = Text, []byte(value), true
		return nil
	case []byte:
		r.Type, r.Body, r.HasBody = Bytes, value, true
		return nil
	case map[string]any, []any, bool, int, float64:
		return r.json(value)
	}
	if isSource(value) {
		return r.stream(value)
	}
	return r.json(value)
}

func (r *Reply) json(value any) error {
	body, err := sdk.EncodeJSON(value)
	if err != nil {
		return err
	}
	r.Type, r.Body, r.HasBody = JSON, body, true
	return nil
}

func (r *Reply) stream(source any) error {
	if write, isWrite := source.(func(*sdk.Writer) error); isWrite {
		r.Pieces = func(pieces core.Pieces) error { return write(sdk.NewWriter(pieces)) }
		return nil
	}
	each, free, err := iterate(source)
	if err != nil {
		return err
	}
	r.Close = free
	r.Pieces = func(pieces core.Pieces) error {
		writer := sdk.NewWriter(pieces)
		return each(pieces.Context(), writer.Send)
	}
	return nil
}

func (r *Reply) events(source any) error {
	r.Type = SSE
	if write, isWrite := source.(func(*sdk.EventWriter) error); isWrite {
		r.Pieces = func(pieces core.Pieces) error { return write(sdk.NewEventWriter(pieces)) }
		return nil
	}
	each, free, err := iterate(source)
	if err != nil {
		return err
	}
	r.Close = free
	r.Pieces = func(pieces core.Pieces) error {
		writer := sdk.NewEventWriter(pieces)
		return each(pieces.Context(), writer.Send)
	}
	return nil
}

// TypeOf is the type of a stream that names none, by its first piece.
func TypeOf(kind core.PieceKind) string {
	switch kind {
	case core.Text:
		return Text
	case core.Line:
		return Lines
	case core.Event:
		return SSE
	}
	return Bytes
}

// NameOf is the name of an error's type, or of what a handler panicked with.
func NameOf(value any) string {
	err, isError := value.(error)
	if !isError {
		return "panic"
	}
	for {
		kind := reflect.TypeOf(err)
		for kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		// The unexported types of errors and fmt say nothing; what they wrap may.
		if path := kind.PkgPath(); path != "errors" && path != "fmt" && kind.Name() != "" {
			return kind.Name()
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return "error"
		}
		err = inner
	}
}
