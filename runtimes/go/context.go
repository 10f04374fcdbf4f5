package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// Trigger says what called the function.
type Trigger struct {
	// Type is http, or mq, stream, cron, inference where the event plane calls.
	Type string
	// Source is the path of an HTTP call, else the subject, topic or schedule.
	Source string
	// ID is the trigger's id; of an asynchronous call the task's. An event's own is the header Idempotency-Key, or its
	// BatchItem.ID.
	ID string
	// Timestamp is the time of the event as RFC 3339.
	Timestamp string
	// Attempt is 1 for the first delivery.
	Attempt int
}

// Time is the timestamp; the zero time where it does not parse.
func (t Trigger) Time() time.Time {
	at, err := time.Parse(time.RFC3339Nano, t.Timestamp)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Context is one call of the function. The server makes it; tests make it with package sdktest.
type Context struct {
	// Data is the JSON object that was sent; the query where there was no body (a repeated name gives a list); for any
	// other content {"body": text}, or {"body": base64, "encoding": "base64"} for what is no UTF-8. It is nil for JSON
	// that is no object, for a batch and for a streamed body.
	Data map[string]any
	// Value is Data, or the JSON value that is no object. Numbers are float64.
	Value any
	// Batch holds the items of a batch; nil where the call is none.
	Batch []BatchItem
	// Event holds the attributes of a CloudEvent; nil where the call is none.
	Event *CloudEvent
	// Headers of the request.
	Headers Headers
	Trigger Trigger
	// Log writes lines of the function's log.
	Log *Logger
	// Body holds the bytes as sent; empty for a streamed body.
	Body   []byte
	Method string
	// Path as sent, percent-encoding included, without the query.
	Path  string
	Query url.Values
	// RequestID correlates the logs of this call.
	RequestID string
	Function  string
	Revision  string
	Org       string

	backend core.Backend
	logger  Logger
}

// Attach puts the running call behind the context. The server and the test kit use it.
func Attach(ctx *Context, backend core.Backend) {
	ctx.backend = backend
	ctx.logger.backend = backend
	ctx.Log = &ctx.logger
}

// BackendOf is what Attach put behind the context. The test kit uses it.
func BackendOf(ctx *Context) core.Backend { return ctx.backend }

// Context ends at the deadline (context.DeadlineExceeded) and when the caller goes away (context.Canceled). Hand it
// to everything that waits.
func (c *Context) Context() context.Context {
	if c.backend == nil {
		return context.Background()
	}
	return c.backend.Context()
}

// Done is closed when the call is cancelled: Context().Done().
func (c *Context) Done() <-chan struct{} { return c.Context().Done() }

// Cancelled says whether nobody waits for the answer any more.
func (c *Context) Cancelled() bool { return c.Context().Err() != nil }

// Deadline is the time left before the platform gives up on this call; 0 once it has.
func (c *Context) Deadline() time.Duration {
	if c.backend == nil {
		return time.Minute
	}
	return max(0, time.Until(c.backend.Deadline()))
}

// Decode reads the body, which must be JSON, into the value behind v; Data where there is no body.
func (c *Context) Decode(v any) error {
	body := c.Body
	if len(body) == 0 {
		made, err := json.Marshal(c.Value)
		if err != nil {
			return err
		}
		body = made
	}
	return json.Unmarshal(body, v)
}

// Accept answers a WebSocket request with 101 and gives the socket. It fails where the request is no upgrade, and when
// it has been accepted already. The handler's return closes the socket.
func (c *Context) Accept(options ...AcceptOptions) (*Socket, error) {
	if c.backend == nil {
		return nil, errors.New("this context has no connection behind it")
	}
	protocol := ""
	for _, option := range options {
		protocol = option.Protocol
	}
	socket, err := c.backend.Accept(protocol)
	if err != nil {
		return nil, err
	}
	return &Socket{socket: socket}, nil
}

func (c *Context) gateway(what string) (core.Gateway, error) {
	if c.backend != nil {
		if gateway := c.backend.Gateway(); gateway != nil {
			return gateway, nil
		}
	}
	return nil, &GatewayError{
		Code:    "unavailable",
		Status:  503,
		Message: fmt.Sprintf("ctx.%s needs the platform's gateway, and this instance has none: run the function under hanzo-fn, or set HANZO_FN_GATEWAY", what),
	}
}
