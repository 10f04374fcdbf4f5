package sdktest

import (
	"errors"
	"io"
	"sync"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
)

var (
	errNoUpgrade = errors.New("the request does not ask for a WebSocket: give Options a Socket")
	errTwice     = errors.New("this call has been accepted already")
	errClosed    = errors.New("the WebSocket is closed")
)

// Socket is the other side of a WebSocket in a test: it sends Messages, then closes with 1000, and takes what the
// handler sends.
type Socket struct {
	// Messages are received by the handler in this order.
	Messages []sdk.Message

	mutex    sync.Mutex
	accepted bool
	next     int
	sent     []sdk.Message
	code     int
	reason   string
}

// Sent are the messages that the handler sent.
func (s *Socket) Sent() []sdk.Message {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]sdk.Message(nil), s.sent...)
}

// Closed is the code and the reason that the handler closed with; 0 where it did not.
func (s *Socket) Closed() (code int, reason string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.code, s.reason
}

func (s *Socket) accept() (core.Socket, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.accepted {
		return nil, errTwice
	}
	s.accepted = true
	return handlerSide{s}, nil
}

// handlerSide is the Socket as the handler has it.
type handlerSide struct{ socket *Socket }

func (h handlerSide) Receive() (bool, []byte, error) {
	s := h.socket
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.next == len(s.Messages) {
		return false, nil, io.EOF
	}
	message := s.Messages[s.next]
	s.next++
	return message.Text, message.Data, nil
}

func (h handlerSide) Send(text bool, data []byte) error {
	s := h.socket
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.code != 0 {
		return errClosed
	}
	s.sent = append(s.sent, sdk.Message{Text: text, Data: append([]byte(nil), data...)})
	return nil
}

func (h handlerSide) Close(code int, reason string) error {
	s := h.socket
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.code == 0 {
		s.code, s.reason = code, reason
	}
	return nil
}

func (h handlerSide) Ended() (int, string) {
	s := h.socket
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.next == len(s.Messages) {
		return 1000, ""
	}
	return 0, ""
}
