package sdk

import (
	"fmt"
	"unicode/utf8"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// AcceptOptions of Context.Accept.
type AcceptOptions struct {
	// Protocol is the subprotocol that was chosen among those of Sec-WebSocket-Protocol; empty chooses none.
	Protocol string
}

// Message is one message of a WebSocket.
type Message struct {
	// Text says whether it is text; else it is binary.
	Text bool
	Data []byte
}

// String is the data as text.
func (m Message) String() string { return string(m.Data) }

// CloseError is the end of a WebSocket that was not a plain one: with another code than 1000 or 1001, or without any.
type CloseError struct {
	// Code of the close frame; 1006 where the connection was lost without one.
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("the WebSocket was closed with %d %s", e.Code, e.Reason)
}

// Socket is an accepted WebSocket. Pings are answered for it. Send and Receive may be used from different goroutines.
type Socket struct {
	socket core.Socket
}

// Receive waits for the next message. The error is io.EOF after a plain close (1000, 1001, or none given), a
// *CloseError after any other, and that of the call's context where the call was cancelled.
func (s *Socket) Receive() (Message, error) {
	text, data, err := s.socket.Receive()
	return Message{Text: text, Data: data}, err
}

// Send sends a string as text, []byte as binary, a Message as what it is, and anything else as text with its JSON.
func (s *Socket) Send(message any) error {
	switch message := message.(type) {
	case string:
		return s.sendText([]byte(message))
	case []byte:
		return s.socket.Send(false, message)
	case Message:
		if message.Text {
			return s.sendText(message.Data)
		}
		return s.socket.Send(false, message.Data)
	}
	text, err := EncodeJSON(message)
	if err != nil {
		return err
	}
	return s.socket.Send(true, text)
}

func (s *Socket) sendText(data []byte) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("the text of a WebSocket message must be UTF-8")
	}
	return s.socket.Send(true, data)
}

// Close sends a close frame with a code from 1000 to 4999 and at most 123 bytes of reason. A second close does nothing.
func (s *Socket) Close(code int, reason string) error { return s.socket.Close(code, reason) }

// CloseCode is the code that the other side closed with: 1005 where it gave none, 1006 where the connection was lost,
// 0 while the socket is open.
func (s *Socket) CloseCode() int {
	code, _ := s.socket.Ended()
	return code
}
