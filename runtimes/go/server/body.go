package server

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hanzoai/functions/sdk/internal/http1"
)

const (
	// A declared length is believed only this far before bytes come.
	firstRead = 64 * 1024
	// maxHeld is how much of a streamed body is held before the handler reads it.
	maxHeld  = 256 * 1024
	pumpSize = 32 * 1024
)

// readBody reads the whole body of a buffered call; where that fails, the outcome of the connection.
func (c *conn) readBody(call *call) (outcome, bool) {
	request := call.request
	if request.Length == 0 {
		return kept, true
	}
	limit := c.server.settings.maxBody
	if request.Length > limit {
		return c.refuseLarge(call), false
	}
	if held := c.in.Buffered(); request.Length > 0 && int64(len(held)) >= request.Length {
		call.ctx.Body = append([]byte(nil), held[:request.Length]...)
		c.in.Skip(int(request.Length))
		return kept, true
	}
	if request.ExpectsContinue {
		if _, err := c.net.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return ended, false
		}
	}
	_ = c.net.SetReadDeadline(call.deadline)
	body, err := readAll(http1.NewBody(c.in, request.Length), request.Length, limit)
	_ = c.net.SetReadDeadline(time.Time{})
	var refusal *http1.Refusal
	switch {
	case err == nil:
		call.ctx.Body = body
		return kept, true
	case err == errTooLarge:
		return c.refuseLarge(call), false
	case errors.As(err, &refusal):
		c.refuse(refusal)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.answerUnread(call, 504, "timeout", "the body of the request did not come in time"), false
	}
	return ended, false
}

var errTooLarge = errors.New("the body is too large")

func readAll(body io.Reader, length, limit int64) ([]byte, error) {
	size := int64(firstRead)
	if length > 0 && length < size {
		size = length
	}
	all := make([]byte, 0, size)
	for {
		if len(all) == cap(all) {
			all = grow(all, length)
		}
		n, err := body.Read(all[len(all):cap(all)])
		all = all[:len(all)+n]
		if int64(len(all)) > limit {
			return nil, errTooLarge
		}
		if length > 0 && int64(len(all)) == length || err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func grow(all []byte, length int64) []byte {
	size := int64(cap(all)) * 2
	if length > 0 {
		size = min(size, length)
	}
	larger := make([]byte, len(all), size)
	copy(larger, all)
	return larger
}

// bodyStream is the body of a call whose handler reads it itself. The connection's watch fills it.
type bodyStream struct {
	source *http1.Body

	mutex   sync.Mutex
	changed sync.Cond
	held    []byte
	start   int
	// err is io.EOF after the whole body.
	err error
	// failed is what cancelled the reader.
	failed error
	// dropping: nobody reads any more; budget bytes more are read and dropped.
	dropping bool
	budget   int
	ended    chan struct{}
}

func newBodyStream(in *http1.Reader, length int64) *bodyStream {
	body := &bodyStream{source: http1.NewBody(in, length), ended: make(chan struct{})}
	body.changed.L = &body.mutex
	if length == 0 {
		body.err = io.EOF
		close(body.ended)
	}
	return body
}

// Read gives what is there, or waits. It fails with the error of the call's context once that has ended.
func (b *bodyStream) Read(into []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for b.start == len(b.held) && b.err == nil && b.failed == nil && len(into) > 0 {
		b.changed.Wait()
	}
	if b.failed != nil {
		return 0, b.failed
	}
	n := copy(into, b.held[b.start:])
	b.start += n
	if b.start == len(b.held) {
		b.held, b.start = b.held[:0], 0
		if n == 0 && len(into) > 0 {
			return 0, b.err
		}
	}
	b.changed.Broadcast()
	return n, nil
}

// pump reads from the connection as fast as the handler does; true where the whole body came.
func (b *bodyStream) pump() bool {
	buffer := make([]byte, pumpSize)
	for {
		n, err := b.source.Read(buffer)
		if !b.put(buffer[:n], err) {
			return err == io.EOF
		}
	}
}

// put hands a piece over; false at the end.
func (b *bodyStream) put(piece []byte, err error) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for len(piece) > 0 && !b.dropping && len(b.held)-b.start+len(piece) > maxHeld {
		b.changed.Wait()
	}
	if b.dropping {
		if b.budget -= len(piece); b.budget < 0 && err == nil {
			err = errTooLarge
		}
	} else if len(piece) > 0 {
		if b.start > 0 && len(b.held)+len(piece) > cap(b.held) {
			b.held = b.held[:copy(b.held, b.held[b.start:])]
			b.start = 0
		}
		b.held = append(b.held, piece...)
	}
	if err != nil {
		b.err = err
		close(b.ended)
	}
	b.changed.Broadcast()
	return err == nil
}

// fail ends the handler's reading.
func (b *bodyStream) fail(why error) {
	b.mutex.Lock()
	b.failed = why
	b.changed.Broadcast()
	b.mutex.Unlock()
}

// drop lets the pump go on without a reader.
func (b *bodyStream) drop(budget int) {
	b.mutex.Lock()
	b.budget = budget
	b.held, b.start = nil, 0
	b.dropping = true
	if b.failed == nil {
		b.failed = errors.New("the call is over")
	}
	b.changed.Broadcast()
	b.mutex.Unlock()
}

// complete says whether the whole body has come.
func (b *bodyStream) complete() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.err == io.EOF
}

// dropBody reads what the handler left, up to a limit; false where the connection cannot be kept.
func (c *conn) dropBody(call *call) bool {
	if call.body == nil {
		return true
	}
	call.body.drop(maxDropped)
	// The drain need not wait for a client that never sends the rest.
	c.state.Store(idle)
	<-call.body.ended
	return call.body.complete() && c.state.CompareAndSwap(idle, busy)
}

// lingerFor gives a client that still sends its body a while to read the answer.
func (c *conn) lingerFor(call *call) {
	if halfCloser, halfCloses := c.net.(interface{ CloseWrite() error }); halfCloses {
		_ = halfCloser.CloseWrite()
	}
	call.body.drop(maxDropped)
	select {
	case <-call.body.ended:
	case <-time.After(linger):
	}
}
