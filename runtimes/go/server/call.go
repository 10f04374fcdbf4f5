package server

import (
	"context"
	"fmt"
	"io"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/http1"
	"github.com/hanzoai/functions/sdk/internal/logline"
	"github.com/hanzoai/functions/sdk/internal/payload"
	"github.com/hanzoai/functions/sdk/internal/reply"
)

// The phases of a call; its connection's mutex guards them.
type phase uint8

const (
	// reading: the body comes in, under the deadline of the connection's reads.
	reading phase = iota
	// waiting for its turn.
	waiting
	// running without a byte of the answer being out.
	running
	// answering: the head is out.
	answering
	// over: the handler has ended, or another goroutine answers for it.
	over
)

// call is one call of the handler.
type call struct {
	conn    *conn
	server  *server
	request *http1.Request
	ctx     sdk.Context
	context callContext

	deadline time.Time
	timeout  time.Duration

	// The connection's mutex guards these.
	phase   phase
	started time.Time
	turn    bool
	// lost: the deadline came first, and the goroutine of the timer answers.
	lost   bool
	socket *socket

	// body is set for a handler that takes it as a stream.
	body *bodyStream
	// out is the stream that goes out; nil for a whole answer.
	out *pieces
}

var _ core.Backend = (*call)(nil)

// serveCall serves one call of the user's handler, from its head to the end of its answer.
func (c *conn) serveCall(request *http1.Request) outcome {
	s := c.server
	s.bounded.Do(boundMemory)
	call := &call{conn: c, server: s, request: request}
	call.fill()
	if s.draining.Load() {
		return c.answerUnread(call, 503, "draining", "this instance is about to end and takes no more calls")
	}
	if call.timeout <= 0 {
		return c.answerUnread(call, 504, "timeout", "the deadline was over when the call came")
	}
	if s.streams {
		call.body = newBodyStream(c.in, request.Length)
	} else if outcome, read := c.readBody(call); !read {
		return outcome
	}
	if request.ExpectsContinue && s.streams {
		_, _ = c.net.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	if call.body != nil {
		payload.FillEvent(&call.ctx, request.ContentType)
	} else if err := payload.Fill(&call.ctx, request.ContentType); err != nil {
		return c.answerError(call, 400, "bad_request", err.Error())
	}
	if !call.enter() {
		if call.context.Err() == context.DeadlineExceeded {
			return c.answerUnread(call, 504, "timeout", call.timeoutMsg())
		}
		return ended
	}
	return call.run()
}

// enter waits for the call's turn; false where it was cancelled before.
func (call *call) enter() bool {
	c := call.conn
	select {
	case call.server.turns <- struct{}{}:
		c.mutex.Lock()
		c.call = call
		call.turn = true
		call.phase = running
		call.started = time.Now()
		c.startPump(call)
		c.timer.Reset(min(watchAfter, time.Until(call.deadline)))
		c.mutex.Unlock()
		return true
	default:
	}
	c.mutex.Lock()
	c.call = call
	call.phase = waiting
	c.startWatch(call)
	c.timer.Reset(time.Until(call.deadline))
	c.mutex.Unlock()
	turn := false
	select {
	case call.server.turns <- struct{}{}:
		turn = true
	case <-call.context.Done():
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	call.turn = turn
	call.phase = running
	call.started = time.Now()
	if call.context.Err() == nil {
		return true
	}
	call.phase = over
	call.leave()
	c.call = nil
	c.timer.Stop()
	return false
}

// startPump reads a streamed body from the start. The mutex is held.
func (c *conn) startPump(call *call) {
	if call.body != nil && call.request.Length != 0 {
		c.startWatch(call)
	}
}

// run calls the handler and sends what it answers.
func (call *call) run() outcome {
	exited := true
	defer func() {
		if exited {
			// runtime.Goexit ended the handler, and ends this goroutine: another one goes on.
			go call.afterExit()
		}
	}()
	var given io.Reader
	if call.body != nil {
		given = call.body
	}
	answer, err := call.invoke(given, &exited)
	if err == nil && answer != nil && answer.Pieces != nil {
		answer, err = call.stream(answer, &exited)
	}
	return call.finish(answer, err)
}

func (call *call) afterExit() {
	c := call.conn
	outcome := call.finish(nil, &handlerPanic{name: "Goexit", trace: "the handler ended its goroutine (runtime.Goexit)"})
	if outcome == taken {
		return
	}
	c.server.end()
	if outcome == kept {
		c.serve()
		return
	}
	c.close()
}

// finish ends the handler's part of the call and sends a whole answer, or the error in its place.
func (call *call) finish(answer *reply.Reply, err error) outcome {
	c := call.conn
	c.mutex.Lock()
	lost := call.lost
	answered := call.phase == answering
	socket := call.socket
	if !lost {
		call.phase = over
		c.call = nil
		c.timer.Stop()
	}
	call.leave()
	c.mutex.Unlock()
	cancelled := call.context.Err()
	call.context.end(context.Canceled)
	call.report(err, cancelled)
	if lost {
		return taken
	}
	if socket != nil {
		socket.finish(err)
		return ended
	}
	if answered {
		return call.endStream(err, cancelled)
	}
	if cancelled != nil {
		// The caller went away: there is nobody to answer.
		return ended
	}
	if time.Now().After(call.deadline) {
		// It computed through its deadline, before the timer had its turn.
		call.log(call.timeoutMsg())
		return c.answerUnread(call, 504, "timeout", call.timeoutMsg())
	}
	if err != nil {
		code, msg := failure(err)
		return c.answerError(call, 500, code, msg)
	}
	if call.send(answer) != nil {
		return ended
	}
	return call.settle()
}

// leave gives the turn back, once. The connection's mutex is held.
func (call *call) leave() {
	if call.turn {
		call.turn = false
		<-call.server.turns
	}
}

// settle keeps the connection for the next request where it can.
func (call *call) settle() outcome {
	c := call.conn
	if call.keeps() && c.dropBody(call) && c.stopWatch() {
		return kept
	}
	if !call.wholeBody() {
		c.lingerFor(call)
	}
	return ended
}

// keeps says whether another request may follow on this connection.
func (call *call) keeps() bool {
	return call.request.KeepAlive && !call.server.draining.Load()
}

func (call *call) wholeBody() bool { return call.body == nil || call.body.complete() }

// expire ends a call at its deadline: the answer goes out now, whatever the handler does. It runs on the goroutine of
// the timer, which becomes the owner of the connection where the handler has not answered. The connection's mutex is
// held and given back.
func (call *call) expire() {
	c := call.conn
	switch call.phase {
	case waiting:
		c.mutex.Unlock()
		call.cancel(context.DeadlineExceeded)
	case running:
		call.phase = over
		call.lost = true
		c.call = nil
		call.leave()
		c.mutex.Unlock()
		call.cancel(context.DeadlineExceeded)
		c.takeOver(call)
	case answering:
		c.call = nil
		call.leave()
		socket := call.socket
		if socket != nil && socket.conn == nil {
			// The handshake is under way; the cut ends it.
			socket = nil
		}
		c.mutex.Unlock()
		call.cancel(context.DeadlineExceeded)
		if socket != nil {
			_ = c.net.SetWriteDeadline(time.Now().Add(linger))
			_ = socket.Close(1011, "timeout")
		}
		c.cut(call.chunked())
		call.log(call.timeoutMsg())
	default:
		c.mutex.Unlock()
	}
}

// takeOver answers for a handler that did not, and serves the connection from then on.
func (c *conn) takeOver(call *call) {
	outcome := c.answerUnread(call, 504, "timeout", call.timeoutMsg())
	// After the answer: whoever does not read the log holds up the log alone.
	call.log(call.timeoutMsg())
	c.server.end()
	if outcome == kept {
		c.serve()
		return
	}
	c.close()
}

// cancel tells the handler that nobody waits any more.
func (call *call) cancel(why error) {
	if call.context.end(why) && call.body != nil {
		call.body.fail(why)
	}
}

func (call *call) timeoutMsg() string {
	return fmt.Sprintf("the handler did not finish within %d ms", call.timeout.Milliseconds())
}

func (call *call) log(msg string) { call.write(msg, nil) }

func (call *call) write(msg string, fields map[string]any) {
	logline.Write("error", msg, call.ctx.RequestID, fields)
}

// Context of the call.
func (call *call) Context() context.Context { return &call.context }

// Deadline of the call.
func (call *call) Deadline() time.Time { return call.deadline }

// Log writes a line of ctx.Log.
func (call *call) Log(level, msg string, fields map[string]any) {
	logline.Write(level, msg, call.ctx.RequestID, fields)
}

// Models is the directory of models.
func (call *call) Models() string { return call.server.settings.models }

// Model stands in for none: this is no test.
func (call *call) Model(string) any { return nil }
