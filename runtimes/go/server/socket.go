package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/http1"
	"github.com/hanzoai/functions/sdk/internal/ws"
)

// socket is the WebSocket that a call has become.
type socket struct {
	call *call
	conn *ws.Conn
}

// Accept answers the handshake.
func (call *call) Accept(protocol string) (core.Socket, error) {
	c := call.conn
	accept, err := ws.Handshake(call.request.Method, call.request.Minor, call.request.Fields)
	if err != nil {
		return nil, err
	}
	if protocol != "" && !http1.IsToken(protocol) {
		return nil, fmt.Errorf("%q is not the name of a subprotocol", protocol)
	}
	c.mutex.Lock()
	if call.phase != running {
		c.mutex.Unlock()
		if err := call.context.Err(); err != nil {
			return nil, err
		}
		return nil, errors.New("this call has been accepted or answered already")
	}
	call.phase = answering
	socket := &socket{call: call}
	call.socket = socket
	c.mutex.Unlock()
	if !c.stopWatch() {
		return nil, call.context.Err()
	}
	c.out = http1.AppendStatus(c.out[:0], 101)
	c.out = append(c.out, "Upgrade: websocket\r\nConnection: Upgrade\r\n"...)
	c.out = http1.AppendField(c.out, "Sec-WebSocket-Accept", accept)
	if protocol != "" {
		c.out = http1.AppendField(c.out, "Sec-WebSocket-Protocol", protocol)
	}
	c.out = call.server.appendPlatform(c.out, call.spent())
	c.out = append(c.out, "\r\n"...)
	if err := c.write(); err != nil {
		call.cancel(context.Canceled)
		return nil, err
	}
	conn := ws.New(c.net, c.in, func() { call.cancel(context.Canceled) })
	c.mutex.Lock()
	socket.conn = conn
	c.mutex.Unlock()
	return socket, nil
}

// openSocket is the WebSocket of the running call, if it is one.
func (c *conn) openSocket() *ws.Conn {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.call == nil || c.call.socket == nil {
		return nil
	}
	return c.call.socket.conn
}

func (s *socket) Receive() (bool, []byte, error) {
	text, data, open := s.conn.Receive()
	if open {
		return text, data, nil
	}
	if err := s.call.context.Err(); err != nil {
		return false, nil, err
	}
	code, reason := s.conn.Ended()
	switch code {
	case 1000, 1001, 1005:
		return false, nil, io.EOF
	}
	return false, nil, &sdk.CloseError{Code: code, Reason: reason}
}

func (s *socket) Send(text bool, data []byte) error {
	if err := s.call.context.Err(); err != nil {
		return err
	}
	return s.conn.Send(text, data)
}

func (s *socket) Close(code int, reason string) error { return s.conn.Close(code, reason) }

// Ended is the code and the reason of the other side's close.
func (s *socket) Ended() (int, string) { return s.conn.Ended() }

// finish ends the socket with its handler.
func (s *socket) finish(err error) {
	if s.conn == nil {
		return
	}
	if err != nil {
		s.conn.Finish(ws.InternalError, "the handler failed")
		return
	}
	s.conn.Finish(ws.NormalClosure, "")
}
