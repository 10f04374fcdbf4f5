// Package sdktest runs handlers in a unit test: it makes contexts, with a key-value store, an object storage and a
// broker in memory behind them, and calls handlers as the server does.
//
//	func TestGreet(t *testing.T) {
//		ctx := sdktest.New(sdktest.Options{Data: map[string]any{"name": "Ada"}})
//		answer, err := sdktest.Call(Greet, ctx)
//		if err != nil || answer.Status != 200 {
//			t.Fatal(answer, err)
//		}
//	}
package sdktest

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/payload"
)

// Options of New. What is not given is what a plain call of the function has.
type Options struct {
	// Data is the JSON that is sent: Context.Data, Context.Value and Context.Body are made of it.
	Data any
	// Body is sent in place of Data, under ContentType.
	Body        []byte
	ContentType string
	Method      string
	Path        string
	Query       url.Values
	Headers     map[string]string
	Trigger     sdk.Trigger
	RequestID   string
	Function    string
	Revision    string
	Org         string
	// Timeout of the call: one minute unless given.
	Timeout time.Duration
	// Context cancels the call when it ends.
	Context context.Context
	// Platform is what ctx.KV, ctx.Storage, ctx.Publish and ctx.Model work on; without it the context has its own.
	Platform *Platform
	// Socket is what ctx.Accept gives; without it the call is no WebSocket.
	Socket *Socket
}

// New makes a context. It panics for a body that the server would refuse with 400.
func New(options Options) *sdk.Context {
	ctx := &sdk.Context{
		Method:    otherwise(options.Method, "POST"),
		Path:      otherwise(options.Path, "/"),
		Query:     options.Query,
		Headers:   sdk.NewHeaders(options.Headers),
		Trigger:   options.Trigger,
		RequestID: otherwise(options.RequestID, "req_00000000000000000000000000"),
		Function:  otherwise(options.Function, "function"),
		Revision:  otherwise(options.Revision, "function-00001"),
		Org:       otherwise(options.Org, "org"),
		Body:      options.Body,
	}
	ctx.Trigger.Type = otherwise(ctx.Trigger.Type, "http")
	ctx.Trigger.Source = otherwise(ctx.Trigger.Source, ctx.Path)
	ctx.Trigger.Timestamp = otherwise(ctx.Trigger.Timestamp, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
	ctx.Trigger.Attempt = max(1, ctx.Trigger.Attempt)
	contentType := otherwise(options.ContentType, ctx.Headers.Get("content-type"))
	if options.Body == nil && options.Data != nil {
		body, err := json.Marshal(options.Data)
		if err != nil {
			panic(err)
		}
		ctx.Body, contentType = body, otherwise(contentType, "application/json")
	}
	if err := payload.Fill(ctx, contentType); err != nil {
		panic(err)
	}
	sdk.Attach(ctx, newBackend(ctx, options))
	return ctx
}

func otherwise(given, fallback string) string {
	if given == "" {
		return fallback
	}
	return given
}

// Cancel cancels the call of a context that New made, as if the caller had gone away.
func Cancel(ctx *sdk.Context) {
	if made, isOurs := sdk.BackendOf(ctx).(*backend); isOurs {
		made.cancel()
	}
}

// backend stands behind a context in a test.
type backend struct {
	context  context.Context
	cancel   context.CancelFunc
	deadline time.Time
	platform *Platform
	request  *sdk.Context
	socket   *Socket
}

func newBackend(ctx *sdk.Context, options Options) *backend {
	parent := options.Context
	if parent == nil {
		parent = context.Background()
	}
	timeout := options.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	made := &backend{platform: options.Platform, request: ctx, socket: options.Socket, deadline: time.Now().Add(timeout)}
	if made.platform == nil {
		made.platform = NewPlatform()
	}
	made.context, made.cancel = context.WithDeadline(parent, made.deadline)
	return made
}

func (b *backend) Context() context.Context { return b.context }
func (b *backend) Deadline() time.Time      { return b.deadline }
func (b *backend) Gateway() core.Gateway    { return b.platform }
func (b *backend) Models() string           { return "" }

func (b *backend) Log(level, msg string, fields map[string]any) {
	b.platform.log(Line{Level: level, Msg: msg, RequestID: b.request.RequestID, Fields: fields})
}

func (b *backend) Model(name string) any {
	b.platform.mutex.Lock()
	defer b.platform.mutex.Unlock()
	if model, there := b.platform.models[name]; there {
		return model
	}
	return nil
}

func (b *backend) Accept(string) (core.Socket, error) {
	if b.socket == nil {
		return nil, errNoUpgrade
	}
	return b.socket.accept()
}
