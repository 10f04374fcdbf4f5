package ws

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// peer is the client's side.
type peer struct {
	t    *testing.T
	conn net.Conn
}

func open(t *testing.T) (*Conn, *peer, chan struct{}) {
	t.Helper()
	server, client := net.Pipe()
	lost := make(chan struct{})
	t.Cleanup(func() { client.Close() })
	_ = client.SetDeadline(time.Now().Add(5 * time.Second))
	return New(server, server, func() { close(lost) }), &peer{t, client}, lost
}

func encode(first byte, payload []byte) []byte {
	mask := [4]byte{1, 2, 3, 4}
	out := []byte{first}
	switch {
	case len(payload) < 126:
		out = append(out, 0x80|byte(len(payload)))
	case len(payload) < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(len(payload)))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(len(payload)))
	}
	out = append(out, mask[:]...)
	for i, c := range payload {
		out = append(out, c^mask[i&3])
	}
	return out
}

func (p *peer) send(first byte, payload string) {
	p.t.Helper()
	if _, err := p.conn.Write(encode(first, []byte(payload))); err != nil {
		p.t.Error(err)
	}
}

func (p *peer) frame() (first byte, payload []byte) {
	p.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(p.conn, head); err != nil {
		p.t.Fatal(err)
	}
	size := int(head[1])
	switch size {
	case 126:
		long := make([]byte, 2)
		_, _ = io.ReadFull(p.conn, long)
		size = int(binary.BigEndian.Uint16(long))
	case 127:
		long := make([]byte, 8)
		_, _ = io.ReadFull(p.conn, long)
		size = int(binary.BigEndian.Uint64(long))
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(p.conn, payload); err != nil {
		p.t.Fatal(err)
	}
	return head[0], payload
}

func TestMessagesInPieces(t *testing.T) {
	conn, peer, _ := open(t)
	go func() {
		peer.send(0x01, "gr\xc3")
		peer.send(0x89, "now")
	}()
	if first, payload := peer.frame(); first != 0x8a || string(payload) != "now" {
		t.Errorf("%x %q", first, payload)
	}
	go peer.send(0x80, "\xbc\xc3\x9fe")
	if text, data, open := conn.Receive(); !text || string(data) != "grüße" || !open {
		t.Errorf("%v %q %v", text, data, open)
	}
}

func TestMessagesOfEveryLength(t *testing.T) {
	conn, peer, _ := open(t)
	for _, size := range []int{0, 125, 126, 65535, 65536, 300_000} {
		sent := bytes.Repeat([]byte{7}, size)
		go peer.send(0x82, string(sent))
		_, data, _ := conn.Receive()
		if !bytes.Equal(data, sent) {
			t.Fatalf("received %d of %d bytes", len(data), size)
		}
		go func() { _ = conn.Send(false, data) }()
		if first, payload := peer.frame(); first != 0x82 || !bytes.Equal(payload, sent) {
			t.Fatalf("sent %d of %d bytes", len(payload), size)
		}
	}
}

func TestTheCloseHandshake(t *testing.T) {
	conn, peer, _ := open(t)
	go peer.send(0x88, "\x0f\xa0done")
	if first, payload := peer.frame(); first != 0x88 || string(payload) != "\x0f\xa0done" {
		t.Errorf("%x %q", first, payload)
	}
	if _, _, open := conn.Receive(); open {
		t.Error("it is open")
	}
	if code, reason := conn.Ended(); code != 4000 || reason != "done" {
		t.Error(code, reason)
	}
	if err := conn.Send(true, nil); err != ErrClosed {
		t.Error(err)
	}
	conn.Finish(1000, "")
}

func TestFinishWaitsForTheOtherSide(t *testing.T) {
	conn, peer, _ := open(t)
	done := make(chan struct{})
	go func() { conn.Finish(1000, "bye"); close(done) }()
	if first, payload := peer.frame(); first != 0x88 || string(payload) != "\x03\xe8bye" {
		t.Errorf("%x %q", first, payload)
	}
	peer.send(0x82, "late")
	peer.send(0x88, "\x03\xe8")
	<-done
}

func TestALostConnection(t *testing.T) {
	conn, peer, lost := open(t)
	peer.conn.Close()
	<-lost
	if code, _ := conn.Ended(); code != 1006 {
		t.Error(code)
	}
}

func TestViolations(t *testing.T) {
	for name, one := range map[string]struct {
		sent []byte
		code uint16
	}{
		"no mask":              {[]byte{0x81, 0x01, 'x'}, 1002},
		"reserved bits":        {encode(0xc1, []byte("x")), 1002},
		"unknown opcode":       {encode(0x83, nil), 1002},
		"unknown control":      {encode(0x8b, nil), 1002},
		"long ping":            {encode(0x89, make([]byte, 126))[:8], 1002},
		"ping in pieces":       {encode(0x09, nil), 1002},
		"continuation":         {encode(0x80, nil), 1002},
		"message in a message": {append(encode(0x01, nil), encode(0x81, nil)...), 1002},
		"no UTF-8":             {encode(0x81, []byte{0xc3, 0x28}), 1007},
		"close code":           {encode(0x88, []byte{0x03, 0xed}), 1002},
		"close of one byte":    {encode(0x88, []byte{3}), 1002},
		"close reason":         {encode(0x88, []byte{0x03, 0xe8, 0xff}), 1007},
		"too big":              {[]byte{0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1, 1, 2, 3, 4}, 1009},
		"absurd length":        {[]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1002},
	} {
		_, peer, _ := open(t)
		go func() { _, _ = peer.conn.Write(one.sent) }()
		if first, payload := peer.frame(); first != 0x88 || binary.BigEndian.Uint16(payload) != one.code {
			t.Errorf("%s: %x %v", name, first, payload)
		}
		peer.conn.Close()
	}
}

func TestCloseRefusesWhatMayNotBeSent(t *testing.T) {
	conn, _, _ := open(t)
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 2999, 5000} {
		if conn.Close(code, "") == nil {
			t.Errorf("%d was sent", code)
		}
	}
	if conn.Close(1000, string(make([]byte, 124))) == nil || conn.Close(1000, "\xff") == nil {
		t.Error("a reason that is too long, or no UTF-8, was sent")
	}
}

func TestAnythingMayCome(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := 0; round < 2000; round++ {
		noise := make([]byte, random.IntN(64))
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		if len(noise) > 1 && round%2 == 0 {
			noise[0], noise[1] = 0x80|noise[0]&0x0f, 0x80|noise[1]&0x0f
		}
		reader := &Conn{in: bytes.NewReader(noise), net: discard{}}
		reader.changed.L = &reader.mutex
		reader.held = -1 << 60
		if _, _, err := reader.readAll(); err == nil && len(noise) == 0 {
			t.Fatal("nothing was a close")
		}
	}
}

type discard struct{ net.Conn }

func (discard) Write(data []byte) (int, error) { return len(data), nil }

func TestHandshake(t *testing.T) {
	good := []core.Field{
		{Name: "Upgrade", Value: "WebSocket"}, {Name: "Connection", Value: "keep-alive, Upgrade"},
		{Name: "Sec-WebSocket-Version", Value: "13"}, {Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="},
	}
	// The example of RFC 6455, section 1.3.
	if accept, err := Handshake("GET", 1, good); err != nil || accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(accept, err)
	}
	for i := range good {
		without := append(append([]core.Field{}, good[:i]...), good[i+1:]...)
		if _, err := Handshake("GET", 1, without); err == nil {
			t.Errorf("without %s", good[i].Name)
		}
	}
	if _, err := Handshake("POST", 1, good); err == nil {
		t.Error("POST")
	}
}
