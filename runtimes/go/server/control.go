package server

import (
	"strings"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/http1"
	"github.com/hanzoai/functions/sdk/internal/payload"
)

const controlPrefix = "/.hanzo/"

// Bodies of control calls that are larger are not theirs.
const maxControlBody = 1024 * 1024

func isControl(target string) bool {
	if strings.HasPrefix(target, controlPrefix) {
		return true
	}
	if target[0] == '/' {
		return false
	}
	path, _ := payload.SplitTarget(target)
	return strings.HasPrefix(path, controlPrefix)
}

// control answers a call of the platform: section 2 of the runtime contract.
func (c *conn) control(request *http1.Request) outcome {
	if request.Length != 0 {
		if request.ExpectsContinue {
			_, _ = c.net.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
		}
		if _, err := readAll(http1.NewBody(c.in, request.Length), request.Length, maxControlBody); err != nil {
			return ended
		}
	}
	last := !request.KeepAlive || c.server.draining.Load()
	c.out = c.appendControl(c.out[:0], request, last)
	if request.Method == "HEAD" {
		c.out = c.out[:len(c.out)-bodySize(c.out)]
	}
	if c.write() != nil || last {
		return ended
	}
	return kept
}

func (c *conn) appendControl(out []byte, request *http1.Request, last bool) []byte {
	path, _ := payload.SplitTarget(request.Target)
	reads := request.Method == "GET" || request.Method == "HEAD"
	state := c.server.state()
	switch {
	case reads && path == "/.hanzo/ping":
		return appendState(out, 200, state, last)
	case reads && path == "/.hanzo/ready" && state == "ready":
		return appendState(out, 200, state, last)
	case reads && path == "/.hanzo/ready":
		return appendState(out, 503, state, last)
	}
	refused := failed{404, "not_found", "the runtime has no " + request.Method + " " + path, newRequestID(time.Now()), true}
	if request.Method == "POST" && path == "/.hanzo/specialise" {
		given, _ := core.Get(request.Fields, "x-hanzo-control")
		refused.status, refused.code, refused.msg = 409, "conflict", "compiled code is specialised by its start"
		if !sameText(given, c.server.settings.controlToken) {
			refused.status, refused.code, refused.msg = 401, "unauthorized", "the control token does not fit"
		}
	}
	return c.server.appendError(out, refused, last, 0)
}

func appendState(out []byte, status int, state string, last bool) []byte {
	out = http1.AppendStatus(out, status)
	out = append(out, "Content-Type: application/json\r\n"...)
	if last {
		out = append(out, "Connection: close\r\n"...)
	}
	return appendBody(out, []byte(`{"state":"`+state+`"}`))
}

// sameText compares without telling by its duration how much of a guess fits; an empty secret fits nothing.
func sameText(given, secret string) bool {
	difference := len(given) ^ len(secret)
	for i := 0; i < len(secret) && len(given) > 0; i++ {
		difference |= int(secret[i] ^ given[i%len(given)])
	}
	return secret != "" && difference == 0
}
