// Package gateway speaks HTTP/1.1 to the platform's gateway: gateway/protocol.md.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/http1"
)

const (
	maxIdle     = 16
	dialTimeout = 10 * time.Second
	pieceSize   = 64 * 1024
)

// Client keeps connections to one gateway alive and uses each for one request at a time.
type Client struct {
	network string
	address string
	host    string
	token   string

	mutex sync.Mutex
	idle  []*link
}

// New is a client for "unix:/path" or "http://host:port"; it connects when it is used.
func New(url, token string) (*Client, error) {
	if path, isUnix := strings.CutPrefix(url, "unix:"); isUnix && path != "" {
		return &Client{network: "unix", address: path, host: "gateway", token: token}, nil
	}
	address, isHTTP := strings.CutPrefix(url, "http://")
	address = strings.TrimSuffix(address, "/")
	if !isHTTP || address == "" || strings.ContainsAny(address, "/?#@") {
		return nil, fmt.Errorf("HANZO_FN_GATEWAY is neither unix:/path nor http://host:port: %q", url)
	}
	host := address
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "80")
	}
	return &Client{network: "tcp", address: address, host: host, token: token}, nil
}

// link is one connection.
type link struct {
	net    net.Conn
	in     *http1.Reader
	reused bool
}

// Do sends a request and gives the answer when its head is there. The context ends the request, and the reading of the
// answer's body.
func (c *Client) Do(ctx context.Context, request *core.GatewayRequest) (*core.GatewayResponse, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		link, err := c.take(ctx)
		if err != nil {
			return nil, explain(ctx, err)
		}
		// Ends whatever the link waits for.
		stop := context.AfterFunc(ctx, func() { _ = link.net.SetDeadline(time.Unix(1, 0)) })
		sent, err := c.send(link, request)
		if err != nil && sent == 0 && link.reused && ctx.Err() == nil {
			// Nothing of it can have arrived: the other side had closed the connection meanwhile.
			stop()
			_ = link.net.Close()
			continue
		}
		if IsBodyError(err) {
			stop()
			_ = link.net.Close()
			return nil, err
		}
		// An answer may come although the body was not taken whole.
		answer, readErr := c.receive(link, request, err == nil, stop)
		if readErr == nil {
			return answer, nil
		}
		stop()
		_ = link.net.Close()
		if err == nil {
			err = readErr
		}
		return nil, explain(ctx, err)
	}
}

func explain(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}

func (c *Client) take(ctx context.Context) (*link, error) {
	for {
		c.mutex.Lock()
		last := len(c.idle) - 1
		if last < 0 {
			c.mutex.Unlock()
			break
		}
		kept := c.idle[last]
		c.idle = c.idle[:last]
		c.mutex.Unlock()
		if isAlive(kept.net) {
			kept.reused = true
			return kept, nil
		}
		_ = kept.net.Close()
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, err
	}
	return &link{net: conn, in: http1.NewReader(conn)}, nil
}

func (c *Client) keep(link *link) {
	c.mutex.Lock()
	if len(c.idle) < maxIdle {
		c.idle = append(c.idle, link)
		link = nil
	}
	c.mutex.Unlock()
	if link != nil {
		_ = link.net.Close()
	}
}

// send writes the request; sent counts the bytes that were handed over.
func (c *Client) send(link *link, request *core.GatewayRequest) (sent int, err error) {
	out := make([]byte, 0, 512)
	out = append(out, request.Method+" "+request.Target+" HTTP/1.1\r\n"...)
	out = http1.AppendField(out, "Host", c.host)
	out = http1.AppendField(out, "Authorization", "Bearer "+c.token)
	for _, field := range request.Header {
		if http1.IsValue(field.Value) {
			out = http1.AppendField(out, field.Name, field.Value)
		}
	}
	chunked := request.Body != nil && request.Length < 0
	if chunked {
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	} else if request.Body != nil || request.Method != "GET" && request.Method != "HEAD" {
		out = http1.AppendField(out, "Content-Length", strconv.FormatInt(max(0, request.Length), 10))
	}
	out = append(out, "\r\n"...)
	if request.Body == nil {
		return link.net.Write(out)
	}
	return link.sendBody(out, request.Body, request.Length, chunked)
}

// sendBody sends the head together with the first piece, then the others.
func (l *link) sendBody(out []byte, body io.Reader, left int64, chunked bool) (sent int, err error) {
	piece := make([]byte, pieceSize)
	if !chunked && left < pieceSize {
		piece = piece[:max(1, left)]
	}
	for {
		n, readErr := io.ReadFull(body, piece)
		if readErr != nil && readErr != io.EOF && readErr != io.ErrUnexpectedEOF {
			return sent, &bodyError{readErr}
		}
		if chunked {
			out = http1.AppendChunk(out, piece[:n])
		} else {
			out = append(out, piece[:n]...)
			if left -= int64(n); left < 0 || readErr != nil && left > 0 {
				return sent, &bodyError{errors.New("the data is not as long as it was said to be")}
			}
		}
		last := readErr != nil || !chunked && left == 0
		if last && chunked {
			out = append(out, "0\r\n\r\n"...)
		}
		written, err := l.net.Write(out)
		sent += written
		if err != nil || last {
			return sent, err
		}
		out = out[:0]
		if !chunked && left < pieceSize {
			piece = piece[:max(1, left)]
		}
	}
}

// bodyError is a failure of the data that was to be sent, not of the gateway.
type bodyError struct{ reason error }

func (e *bodyError) Error() string { return "the data to send cannot be read: " + e.reason.Error() }

func (e *bodyError) Unwrap() error { return e.reason }

// IsBodyError says whether the caller's own data failed.
func IsBodyError(err error) bool {
	var failed *bodyError
	return errors.As(err, &failed)
}

func (c *Client) receive(link *link, request *core.GatewayRequest, whole bool, stop func() bool) (*core.GatewayResponse, error) {
	for {
		head, err := link.in.Head()
		if err != nil {
			return nil, fmt.Errorf("the gateway's answer was cut: %w", err)
		}
		response, err := http1.ParseResponse(head, request.Method)
		if err != nil {
			return nil, fmt.Errorf("the gateway's answer is no HTTP: %w", err)
		}
		if response.Status < 200 {
			continue
		}
		body := &answerBody{client: c, link: link, stop: stop, keeps: whole && response.KeepAlive}
		body.body = http1.NewBody(link.in, response.Length)
		length := response.Length
		if text, found := core.Get(response.Fields, "content-length"); found && request.Method == "HEAD" {
			length, _ = strconv.ParseInt(text, 10, 64)
		}
		return &core.GatewayResponse{Status: response.Status, Header: response.Fields, Length: max(-1, length), Body: body}, nil
	}
}

// answerBody gives the connection back at its end.
type answerBody struct {
	client *Client
	link   *link
	body   *http1.Body
	stop   func() bool
	keeps  bool
	done   bool
}

func (b *answerBody) Read(into []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	n, err := b.body.Read(into)
	if err == io.EOF {
		b.finish(true)
	}
	return n, err
}

// Close ends the answer; a short rest is read so that the connection can be kept.
func (b *answerBody) Close() error {
	if b.done {
		return nil
	}
	if held := b.link.in.Buffered(); len(held) > 0 || b.keeps {
		_ = b.link.net.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, _ := io.CopyN(io.Discard, b, pieceSize); n < pieceSize && b.done {
			return nil
		}
	}
	b.finish(false)
	return nil
}

func (b *answerBody) finish(whole bool) {
	if b.done {
		return
	}
	b.done = true
	// Where the context has ended meanwhile, the connection has a deadline that is over.
	if whole && b.keeps && b.stop() && b.link.net.SetDeadline(time.Time{}) == nil && len(b.link.in.Buffered()) == 0 {
		b.client.keep(b.link)
		return
	}
	b.stop()
	_ = b.link.net.Close()
}
