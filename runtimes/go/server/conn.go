package server

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanzoai/functions/sdk/internal/http1"
)

const (
	// watchAfter is how long a call runs before its connection is watched: the common call is over by then.
	watchAfter = 2 * time.Millisecond
	// maxDropped is how much of an unread body is read and dropped to keep the connection.
	maxDropped = 1024 * 1024
	// linger is how long a client may take to read the answer to a request that was not read to its end.
	linger = 500 * time.Millisecond
	// startOut is the size of the buffer for answers; a larger one than maxKeptOut is not kept between requests.
	startOut   = 1024
	maxKeptOut = 8 * 1024
)

// The states of a connection, for the drain.
const (
	busy int32 = iota
	idle
	closing
)

// conn is one connection. It is served by one goroutine at a time, its owner: at first the one that was started for
// it; when a handler runs into its deadline without an answer, the goroutine that answers for it takes over.
type conn struct {
	server *server
	net    net.Conn
	in     *http1.Reader
	out    []byte
	state  atomic.Int32
	timer  *time.Timer

	mutex sync.Mutex
	// call is the one that runs; nil between calls.
	call *call
	// watch is the goroutine that reads while a call runs.
	watch *watch
}

// watch notices that the caller goes away.
type watch struct {
	done     chan struct{}
	stopping atomic.Bool
	// gone is set before done is closed.
	gone bool
}

func newConn(server *server, accepted net.Conn) *conn {
	c := &conn{server: server, net: accepted, in: http1.NewReader(accepted), out: make([]byte, 0, startOut)}
	c.timer = time.AfterFunc(time.Hour, c.onTimer)
	c.timer.Stop()
	return c
}

// serve is the loop of the owner; it returns when the connection ends or another goroutine has become its owner.
func (c *conn) serve() {
	for {
		head, err := c.nextHead()
		if err != nil {
			c.refuse(err)
			c.close()
			return
		}
		c.server.begin()
		outcome := c.handle(head)
		if outcome != taken {
			c.server.end()
		}
		switch outcome {
		case taken:
			return
		case ended:
			c.close()
			return
		}
	}
}

// What has become of the connection after a request.
type outcome uint8

const (
	kept outcome = iota
	ended
	// taken: another goroutine owns the connection.
	taken
)

func (c *conn) close() {
	c.timer.Stop()
	_ = c.net.Close()
	c.server.forget(c)
}

func (c *conn) closeIfIdle() {
	if c.state.CompareAndSwap(idle, closing) {
		_ = c.net.Close()
	}
}

var errDraining = errors.New("the server drains")

func (c *conn) nextHead() (string, error) {
	c.state.Store(idle)
	if c.server.draining.Load() {
		return "", errDraining
	}
	c.in.Shrink()
	if cap(c.out) > maxKeptOut {
		c.out = make([]byte, 0, startOut)
	}
	head, err := c.in.Head()
	if err == nil && !c.state.CompareAndSwap(idle, busy) {
		err = errDraining
	}
	return head, err
}

// refuse answers a request that cannot be read; other errors are the end of the connection.
func (c *conn) refuse(err error) {
	var refusal *http1.Refusal
	if errors.As(err, &refusal) {
		c.out = c.server.appendError(c.out[:0], failed{refusal.Status, refusal.Code, refusal.Msg, newRequestID(time.Now()), false}, true, 0)
		c.sendLast()
	}
}

// handle serves one request.
func (c *conn) handle(head string) outcome {
	request, refusal := http1.ParseRequest(head)
	if refusal != nil {
		c.refuse(refusal)
		return ended
	}
	if isControl(request.Target) {
		return c.control(request)
	}
	return c.serveCall(request)
}

// write sends what is in out; the buffer stays for the next answer.
func (c *conn) write() error {
	_, err := c.net.Write(c.out)
	return err
}

// sendLast sends an answer before whose request was read to its end. Closing then would take the answer from a client
// that still writes; it gets a while to read.
func (c *conn) sendLast() {
	if c.write() != nil {
		return
	}
	halfCloser, halfCloses := c.net.(interface{ CloseWrite() error })
	if !halfCloses || halfCloser.CloseWrite() != nil {
		return
	}
	_ = c.net.SetReadDeadline(time.Now().Add(linger))
	_, _ = io.CopyN(io.Discard, c.net, maxDropped)
}

// cut ends the connection so that nobody takes a part of an answer for the whole.
func (c *conn) cut(chunked bool) {
	if tcp, isTCP := c.net.(*net.TCPConn); isTCP && !chunked {
		_ = tcp.SetLinger(0)
	}
	_ = c.net.Close()
}

// onTimer runs when a call has run for a while, and at its deadline. It may come late for a call that is over; then
// it finds the next one, or none, and does what that needs.
func (c *conn) onTimer() {
	c.mutex.Lock()
	call := c.call
	if call == nil {
		c.mutex.Unlock()
		return
	}
	if left := time.Until(call.deadline); left > 0 {
		c.startWatch(call)
		c.timer.Reset(left)
		c.mutex.Unlock()
		return
	}
	call.expire()
}

// startWatch reads on, or the streamed body, while the call runs. The mutex is held.
func (c *conn) startWatch(call *call) {
	if c.watch != nil || call.phase == reading || call.socket != nil {
		return
	}
	w := &watch{done: make(chan struct{})}
	c.watch = w
	go c.runWatch(w, call)
}

func (c *conn) runWatch(w *watch, call *call) {
	defer close(w.done)
	if call.body != nil && call.request.Length != 0 && !call.body.pump() {
		w.gone = true
		if !w.stopping.Load() {
			call.cancel(context.Canceled)
		}
		return
	}
	for {
		room, err := c.in.Fill()
		if err != nil {
			if !w.stopping.Load() {
				w.gone = true
				call.cancel(context.Canceled)
			}
			return
		}
		if !room || w.stopping.Load() {
			return
		}
	}
}

// stopWatch ends the watch of a call that is over; false where the caller is gone. Only the owner calls it, and no
// call is running then that a late timer could watch.
func (c *conn) stopWatch() bool {
	c.mutex.Lock()
	w := c.watch
	c.watch = nil
	c.mutex.Unlock()
	if w == nil {
		return true
	}
	w.stopping.Store(true)
	_ = c.net.SetReadDeadline(time.Unix(1, 0))
	<-w.done
	_ = c.net.SetReadDeadline(time.Time{})
	return !w.gone
}

func isOutOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ECONNABORTED)
}
