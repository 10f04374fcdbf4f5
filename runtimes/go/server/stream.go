package server

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/http1"
	"github.com/hanzoai/functions/sdk/internal/reply"
)

// pieces sends a streamed answer.
type pieces struct {
	call   *call
	answer *reply.Reply

	mutex sync.Mutex
	begun bool
	ended bool
}

var errOver = errors.New("the answer is complete")

// stream runs the source of a streamed answer. What it gives back is sent when nothing was sent yet.
func (call *call) stream(answer *reply.Reply, exited *bool) (*reply.Reply, error) {
	if call.request.Method == "HEAD" || hasNoBody(answer.Status) {
		if answer.Close != nil {
			answer.Close()
		}
		answer.HasBody = false
		return answer, nil
	}
	out := &pieces{call: call, answer: answer}
	call.out = out
	*exited = true
	err := protect(func() error { return answer.Pieces(out) }, exited)
	answer.HasBody = true
	return answer, err
}

// Context of the call.
func (p *pieces) Context() context.Context { return &p.call.context }

// Piece sends one piece; the head goes out with the first.
func (p *pieces) Piece(kind core.PieceKind, data []byte) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.ended {
		return errOver
	}
	if err := p.call.context.Err(); err != nil {
		return err
	}
	c := p.call.conn
	if !p.begun {
		if err := p.begin(kind); err != nil {
			return err
		}
	} else if len(data) == 0 {
		return nil
	} else {
		c.out = c.out[:0]
	}
	for {
		part := data[:min(len(data), reply.MaxPiece)]
		data = data[len(part):]
		if p.call.chunked() {
			c.out = http1.AppendChunk(c.out, part)
		} else {
			c.out = append(c.out, part...)
		}
		if err := c.write(); err != nil {
			p.call.cancel(context.Canceled)
			return err
		}
		if len(data) == 0 {
			return nil
		}
		c.out = c.out[:0]
	}
}

// begin puts the head of the answer into the connection's buffer, which is this call's from then on.
func (p *pieces) begin(kind core.PieceKind) error {
	call, c := p.call, p.call.conn
	c.mutex.Lock()
	if call.phase != running {
		c.mutex.Unlock()
		if err := call.context.Err(); err != nil {
			return err
		}
		return errOver
	}
	call.phase = answering
	c.mutex.Unlock()
	p.begun = true
	contentType := p.answer.Type
	if contentType == "" && !p.answer.Typed {
		contentType = reply.TypeOf(kind)
	}
	c.out = call.appendHead(c.out[:0], p.answer, contentType, call.chunked() && call.keeps())
	if call.chunked() {
		c.out = append(c.out, "Transfer-Encoding: chunked\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	return nil
}

// chunked says whether a stream is sent in chunks: HTTP/1.0 does not know them.
func (call *call) chunked() bool { return call.request.Minor >= 1 }

// endStream ends a stream that has begun, whole or cut.
func (call *call) endStream(err, cancelled error) outcome {
	c, out := call.conn, call.out
	out.mutex.Lock()
	out.ended = true
	out.mutex.Unlock()
	if err != nil || cancelled != nil {
		c.cut(call.chunked())
		return ended
	}
	if !call.chunked() {
		return ended
	}
	if _, err := io.WriteString(c.net, "0\r\n\r\n"); err != nil {
		return ended
	}
	return call.settle()
}
