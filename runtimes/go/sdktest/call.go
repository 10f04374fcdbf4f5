package sdktest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/handler"
	"github.com/hanzoai/functions/sdk/internal/reply"
)

// Answer is what a caller of the function gets.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Pieces are those of a streamed answer, as they went out.
	Pieces [][]byte
}

// JSON reads the body into what v points to.
func (a *Answer) JSON(v any) error { return json.Unmarshal(a.Body, v) }

// Text is the body.
func (a *Answer) Text() string { return string(a.Body) }

// Call calls a handler of any shape and gives what the caller would get. A handler that takes the body as a stream
// gets the context's. The error is the one that the handler returned, or that its answer has.
func Call(function any, ctx *sdk.Context) (*Answer, error) {
	invoke, streams, err := handler.Adapt(function)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if streams {
		body = bytes.NewReader(ctx.Body)
		ctx.Body, ctx.Data, ctx.Value = nil, nil, nil
	}
	value, err := invoke(ctx, body)
	if err != nil {
		return nil, err
	}
	made, err := reply.Of(value, ctx.Function, func() string { return "00000000-0000-4000-8000-000000000000" })
	if err != nil {
		return nil, err
	}
	answer := &Answer{Status: made.Status, Header: http.Header{}, Body: made.Body}
	for _, field := range made.Fields {
		answer.Header.Add(field.Name, field.Value)
	}
	if made.Pieces != nil {
		into := &collected{ctx: ctx.Context()}
		err = made.Pieces(into)
		answer.Pieces, answer.Body = into.all, bytes.Join(into.all, nil)
		if made.Type == "" && !made.Typed && len(into.all) > 0 {
			made.Type = reply.TypeOf(into.first)
		}
	}
	if made.Type != "" {
		answer.Header.Set("Content-Type", made.Type)
	}
	return answer, err
}

// collected takes the pieces of a stream.
type collected struct {
	ctx   context.Context
	mutex sync.Mutex
	first core.PieceKind
	all   [][]byte
}

func (c *collected) Context() context.Context { return c.ctx }

func (c *collected) Piece(kind core.PieceKind, data []byte) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.all) == 0 {
		c.first = kind
	}
	c.all = append(c.all, append([]byte(nil), data...))
	return nil
}
