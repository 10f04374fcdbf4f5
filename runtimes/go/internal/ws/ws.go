// Package ws is the server's side of a WebSocket (RFC 6455) on a connection that has been upgraded.
package ws

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// MaxMessage is the largest message in bytes: section 11 of the runtime contract.
	MaxMessage = 16 * 1024 * 1024
	// maxHeld is how much is read before the handler receives it; one message is always.
	maxHeld = 1024 * 1024
	// closeWait is how long the other side may take to answer a close frame.
	closeWait = time.Second
	maxReason = 123
)

// Codes of RFC 6455, section 7.4.1.
const (
	NormalClosure = 1000
	GoingAway     = 1001
	protocolError = 1002
	noStatus      = 1005
	abnormal      = 1006
	invalidText   = 1007
	tooBig        = 1009
	InternalError = 1011
)

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

type message struct {
	text bool
	data []byte
}

// Conn is one socket. A goroutine of its own reads, so that pings are answered whatever the handler does.
type Conn struct {
	net net.Conn
	in  io.Reader
	// lost is called when the connection ends without a close frame.
	lost func()

	writing   sync.Mutex
	closeSent bool
	buffer    []byte

	mutex   sync.Mutex
	changed sync.Cond
	queue   []message
	held    int
	// code is 0 while the other side has not ended the socket.
	code   int
	reason string
	ended  chan struct{}
}

// New reads from in, which begins with what came behind the handshake, and writes to conn.
func New(conn net.Conn, in io.Reader, lost func()) *Conn {
	c := &Conn{net: conn, in: in, lost: lost, ended: make(chan struct{})}
	c.changed.L = &c.mutex
	go c.read()
	return c
}

// Receive waits for a message; false when there will be none.
func (c *Conn) Receive() (text bool, data []byte, open bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for len(c.queue) == 0 {
		if c.code != 0 {
			return false, nil, false
		}
		c.changed.Wait()
	}
	first := c.queue[0]
	c.queue = c.queue[1:]
	c.held -= len(first.data)
	c.changed.Broadcast()
	return first.text, first.data, true
}

// Ended is the code and the reason that the other side gave: 1005 for none, 1006 where the connection was lost; 0
// while it is open.
func (c *Conn) Ended() (code int, reason string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.code, c.reason
}

// ErrClosed is what a write fails with after the close frame.
var ErrClosed = errors.New("the WebSocket is closed")

// Send sends one message.
func (c *Conn) Send(text bool, data []byte) error {
	op := byte(opBinary)
	if text {
		op = opText
	}
	return c.write(op, data)
}

// Close sends a close frame; a second one does nothing.
func (c *Conn) Close(code int, reason string) error {
	if !isSendable(code) {
		return errors.New("a WebSocket is closed with a code of 1000 to 1014 that may be sent, or of 3000 to 4999")
	}
	if len(reason) > maxReason || !utf8.ValidString(reason) {
		return errors.New("the reason of a close is at most 123 bytes of UTF-8")
	}
	err := c.write(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
	if err == ErrClosed {
		return nil
	}
	return err
}

// Finish closes with the code where that has not happened, and waits a while for the other side's close.
func (c *Conn) Finish(code int, reason string) {
	if c.Close(code, reason) == nil {
		c.drop()
		select {
		case <-c.ended:
		case <-time.After(closeWait):
		}
	}
	_ = c.net.Close()
	<-c.ended
}

// drop lets the reader go on to the close frame although nobody receives.
func (c *Conn) drop() {
	c.mutex.Lock()
	c.held = -1 << 60
	c.queue = nil
	c.changed.Broadcast()
	c.mutex.Unlock()
}

func (c *Conn) write(op byte, data []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closeSent {
		return ErrClosed
	}
	c.closeSent = op == opClose
	head := append(c.buffer[:0], 0x80|op)
	switch {
	case len(data) < 126:
		head = append(head, byte(len(data)))
	case len(data) < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(len(data)))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(len(data)))
	}
	if len(data) <= 4096 {
		head = append(head, data...)
		c.buffer = head[:0]
		_, err := c.net.Write(head)
		return err
	}
	c.buffer = head[:0]
	if _, err := c.net.Write(head); err != nil {
		return err
	}
	_, err := c.net.Write(data)
	return err
}

// violation is a frame that must not be; the socket is closed with its code.
type violation int

func (v violation) Error() string { return "the WebSocket protocol was violated" }

func (c *Conn) read() {
	defer close(c.ended)
	code, reason, err := c.readAll()
	var broken violation
	switch {
	case errors.As(err, &broken):
		code = int(broken)
		_ = c.Close(code, "")
	case err != nil:
		code = abnormal
	case code == noStatus:
		_ = c.write(opClose, nil)
	default:
		_ = c.write(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
	}
	if code == abnormal {
		c.lost()
	}
	c.mutex.Lock()
	c.code, c.reason = code, reason
	c.changed.Broadcast()
	c.mutex.Unlock()
	if broken != 0 {
		c.linger()
	}
}

// linger reads and drops what the other side still sends, so that it comes to read the close frame.
func (c *Conn) linger() {
	if halfCloser, halfCloses := c.net.(interface{ CloseWrite() error }); halfCloses {
		_ = halfCloser.CloseWrite()
	}
	_ = c.net.SetReadDeadline(time.Now().Add(closeWait))
	_, _ = io.CopyN(io.Discard, c.net, 4*MaxMessage)
}

// readAll reads messages until the close frame, whose code and reason it gives.
func (c *Conn) readAll() (code int, reason string, err error) {
	var parts message
	within := false
	for {
		frame, err := c.readHead()
		if err != nil {
			return 0, "", err
		}
		if frame.op >= opClose {
			payload, err := c.readPayload(nil, frame)
			if err != nil {
				return 0, "", err
			}
			if frame.op == opClose {
				return parseClose(payload)
			}
			if frame.op == opPing {
				_ = c.write(opPong, payload)
			}
			continue
		}
		if within != (frame.op == opContinuation) {
			return 0, "", violation(protocolError)
		}
		if !within {
			parts = message{text: frame.op == opText}
		}
		if frame.length > uint64(MaxMessage-len(parts.data)) {
			return 0, "", violation(tooBig)
		}
		if parts.data, err = c.readPayload(parts.data, frame); err != nil {
			return 0, "", err
		}
		if within = !frame.final; within {
			continue
		}
		if parts.text && !utf8.Valid(parts.data) {
			return 0, "", violation(invalidText)
		}
		c.put(parts)
	}
}

func (c *Conn) put(parts message) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for len(c.queue) > 0 && c.held+len(parts.data) > maxHeld {
		c.changed.Wait()
	}
	if c.held >= 0 {
		c.queue = append(c.queue, parts)
		c.held += len(parts.data)
		c.changed.Broadcast()
	}
}

type frame struct {
	final  bool
	op     byte
	length uint64
	mask   [4]byte
}

func (c *Conn) readHead() (frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return frame{}, err
	}
	f := frame{final: head[0]&0x80 != 0, op: head[0] & 0x0f, length: uint64(head[1] & 0x7f)}
	control := f.op >= opClose
	known := f.op <= opBinary || f.op >= opClose && f.op <= opPong
	if head[0]&0x70 != 0 || head[1]&0x80 == 0 || !known || control && (!f.final || f.length > 125) {
		return f, violation(protocolError)
	}
	size := map[uint64]int{126: 2, 127: 8}[f.length]
	if size > 0 {
		if _, err := io.ReadFull(c.in, head[:size]); err != nil {
			return f, err
		}
		if f.length = uint64(binary.BigEndian.Uint16(head[:])); size == 8 {
			f.length = binary.BigEndian.Uint64(head[:])
		}
		if f.length>>63 != 0 {
			return f, violation(protocolError)
		}
	}
	_, err := io.ReadFull(c.in, f.mask[:])
	return f, err
}

// readPayload adds the payload of a frame to what there is. A length is believed only as far as bytes come.
func (c *Conn) readPayload(all []byte, f frame) ([]byte, error) {
	const step = 64 * 1024
	position := 0
	for left := f.length; left > 0; {
		n := int(min(left, step))
		start := len(all)
		if cap(all)-start < n {
			larger := make([]byte, start, max(start+n, min(2*cap(all), start+int(left))))
			copy(larger, all)
			all = larger
		}
		all = all[:start+n]
		if _, err := io.ReadFull(c.in, all[start:]); err != nil {
			return nil, err
		}
		unmask(all[start:], f.mask, position)
		position += n
		left -= uint64(n)
	}
	return all, nil
}

func unmask(data []byte, mask [4]byte, position int) {
	for position&3 != 0 && len(data) > 0 {
		data[0] ^= mask[position&3]
		position++
		data = data[1:]
	}
	word := uint64(binary.LittleEndian.Uint32(mask[:]))
	word |= word << 32
	for ; len(data) >= 8; data = data[8:] {
		binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(data)^word)
	}
	for i := range data {
		data[i] ^= mask[i&3]
	}
}

func parseClose(payload []byte) (code int, reason string, err error) {
	if len(payload) == 0 {
		return noStatus, "", nil
	}
	if len(payload) == 1 {
		return 0, "", violation(protocolError)
	}
	code = int(binary.BigEndian.Uint16(payload))
	if !isSendable(code) {
		return 0, "", violation(protocolError)
	}
	if !utf8.Valid(payload[2:]) {
		return 0, "", violation(invalidText)
	}
	return code, string(payload[2:]), nil
}

// isSendable says whether a close frame may hold the code.
func isSendable(code int) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}
