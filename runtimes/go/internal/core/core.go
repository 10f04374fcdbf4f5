// Package core holds what the SDK, the server and the test kit share without being anyone's public surface.
package core

import (
	"context"
	"io"
	"strings"
	"time"
)

// Field is one header field as it came, name and value.
type Field struct {
	Name  string
	Value string
}

// Backend is what stands behind one call's Context.
type Backend interface {
	// Context ends at the deadline, when the caller goes away, and when the call is over.
	Context() context.Context
	Deadline() time.Time
	Log(level, msg string, fields map[string]any)
	// Accept turns the call into a WebSocket, with the subprotocol where it is not empty.
	Accept(protocol string) (Socket, error)
	// Gateway is nil where the platform gave none.
	Gateway() Gateway
	// Models is the directory that is looked at before the gateway is asked; empty where there is none.
	Models() string
	// Model is a model of package sdk that stands in for the one of this name; nil where there is none. Only tests have
	// some.
	Model(name string) any
}

// Socket is an accepted WebSocket.
type Socket interface {
	Receive() (text bool, data []byte, err error)
	Send(text bool, data []byte) error
	Close(code int, reason string) error
	// Ended is the code and the reason of the other side's close; 0 while it is open.
	Ended() (code int, reason string)
}

// Gateway is the platform's gateway as its wire has it, or something that behaves like it.
type Gateway interface {
	Do(ctx context.Context, request *GatewayRequest) (*GatewayResponse, error)
}

// GatewayRequest is one request to the gateway; identity is added on the way.
type GatewayRequest struct {
	Method string
	// Target is the path with its query.
	Target string
	Header []Field
	// Body may be nil. Length is its size in bytes, or -1 where that is not known.
	Body   io.Reader
	Length int64
}

// GatewayResponse is an answer whose body must be closed.
type GatewayResponse struct {
	Status int
	Header []Field
	// Length is -1 where the answer does not say it.
	Length int64
	Body   io.ReadCloser
}

// Get is the value of the first field of this name, in any case.
func Get(fields []Field, name string) (string, bool) {
	for i := range fields {
		if len(fields[i].Name) == len(name) && strings.EqualFold(fields[i].Name, name) {
			return fields[i].Value, true
		}
	}
	return "", false
}

// Joined is the value of all fields of this name: joined by ", ", those of cookie by "; ".
func Joined(fields []Field, name string) (string, bool) {
	value, found := "", false
	for i := range fields {
		if len(fields[i].Name) != len(name) || !strings.EqualFold(fields[i].Name, name) {
			continue
		}
		if !found {
			value, found = fields[i].Value, true
			continue
		}
		separator := ", "
		if strings.EqualFold(name, "cookie") {
			separator = "; "
		}
		value += separator + fields[i].Value
	}
	return value, found
}

// PieceKind says what a piece of a stream was before it became bytes.
type PieceKind uint8

const (
	Bytes PieceKind = iota
	Text
	Line
	Event
)

// Pieces takes a stream's pieces; each goes out before it returns.
type Pieces interface {
	Context() context.Context
	Piece(kind PieceKind, data []byte) error
}
