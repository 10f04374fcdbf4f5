package server

import (
	"errors"

	"github.com/hanzoai/functions/sdk/internal/core"
)

type socket struct{}

func (s *socket) Close(int, string) error { return nil }
func (s *socket) finish(error)            {}

func (c *conn) openSocket() *socket { return nil }

// Accept turns the call into a WebSocket.
func (call *call) Accept(string) (core.Socket, error) { return nil, errors.New("no upgrade") }

// Gateway of the platform.
func (call *call) Gateway() core.Gateway { return call.server.gateway }
