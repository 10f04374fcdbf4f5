package server

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/hanzoai/functions/sdk/internal/http1"
	"github.com/hanzoai/functions/sdk/internal/logline"
	"github.com/hanzoai/functions/sdk/internal/reply"
)

// failed is an error answer of the server itself.
type failed struct {
	status    int
	code      string
	msg       string
	requestID string
	// control says that the platform asked: it is no answer of the function.
	control bool
}

// appendError adds a whole answer with the platform's error body.
func (s *server) appendError(out []byte, failed failed, last bool, spent time.Duration) []byte {
	body := make([]byte, 0, 512)
	body = append(body, `{"status":"error","code":`...)
	body = strconv.AppendInt(body, int64(failed.status), 10)
	for _, member := range [...]struct{ name, value string }{
		{"error", failed.code},
		{"msg", failed.msg},
		{"component", "function"},
		{"requestId", failed.requestID},
		{"function", s.settings.function},
		{"revision", s.settings.revision},
		{"next", "hanzo-fn logs " + s.settings.function + " --request-id " + failed.requestID},
	} {
		if s.settings.function == "" && (member.name == "function" || member.name == "revision" || member.name == "next") {
			continue
		}
		body = append(body, ',', '"')
		body = append(body, member.name...)
		body = append(body, '"', ':')
		body = logline.AppendString(body, member.value)
	}
	body = append(body, '}')
	out = http1.AppendStatus(out, failed.status)
	out = append(out, "Content-Type: application/json\r\n"...)
	out = http1.AppendField(out, "X-Function-Error", failed.code)
	if !failed.control {
		out = s.appendPlatform(out, spent)
	}
	if last {
		out = append(out, "Connection: close\r\n"...)
	}
	return appendBody(out, body)
}

// appendPlatform adds the headers that every answer of the function carries.
func (s *server) appendPlatform(out []byte, spent time.Duration) []byte {
	out = append(out, "X-Function-Duration-Ms: "...)
	out = strconv.AppendFloat(out, float64(spent.Microseconds())/1000, 'f', 1, 64)
	out = append(out, "\r\n"...)
	if s.settings.instance != "" {
		out = http1.AppendField(out, "X-Function-Instance", s.settings.instance)
	}
	if !s.warm.Load() && !s.warm.Swap(true) {
		out = http1.AppendField(out, "X-Function-Cold-Start", s.coldStart)
	}
	return out
}

// appendBody ends the head and adds the body.
func appendBody(out, body []byte) []byte {
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	out = append(out, "\r\n\r\n"...)
	return append(out, body...)
}

// spent is how long the handler has run.
func (call *call) spent() time.Duration {
	if call.started.IsZero() {
		return 0
	}
	return time.Since(call.started)
}

// answerError sends an error answer to a request whose body was read, or is read and dropped.
func (c *conn) answerError(call *call, status int, code, msg string) outcome {
	c.out = c.server.appendError(c.out[:0], failed{status, code, msg, call.ctx.RequestID, false}, !call.keeps(), call.spent())
	if call.request.Method == "HEAD" {
		c.out = c.out[:len(c.out)-bodySize(c.out)]
	}
	if c.write() != nil {
		return ended
	}
	return call.settle()
}

// answerUnread sends an error answer where the body may not have been read to its end. No call runs then that a late
// timer could watch.
func (c *conn) answerUnread(call *call, status int, code, msg string) outcome {
	if call.wholeBody() && (call.phase != reading || call.request.Length == 0) {
		return c.answerError(call, status, code, msg)
	}
	c.out = c.server.appendError(c.out[:0], failed{status, code, msg, call.ctx.RequestID, false}, true, call.spent())
	if c.watch == nil {
		c.sendLast()
		return ended
	}
	if c.write() == nil {
		c.lingerFor(call)
	}
	return ended
}

func (c *conn) refuseLarge(call *call) outcome {
	msg := "the body is larger than " + strconv.FormatInt(c.server.settings.maxBody, 10) + " bytes"
	return c.answerUnread(call, 413, "payload_too_large", msg)
}

func bodySize(answer []byte) int {
	for i := 0; i+4 <= len(answer); i++ {
		if string(answer[i:i+4]) == "\r\n\r\n" {
			return len(answer) - i - 4
		}
	}
	return 0
}

func hasNoBody(status int) bool { return status == 204 || status == 205 || status == 304 }

// appendHead adds the head of the function's answer, without what says how long its body is.
func (call *call) appendHead(out []byte, answer *reply.Reply, contentType string, keeps bool) []byte {
	out = http1.AppendStatus(out, answer.Status)
	if contentType != "" {
		out = http1.AppendField(out, "Content-Type", contentType)
	}
	for i := range answer.Fields {
		out = http1.AppendField(out, answer.Fields[i].Name, answer.Fields[i].Value)
	}
	out = call.server.appendPlatform(out, call.spent())
	if !keeps {
		return append(out, "Connection: close\r\n"...)
	}
	if call.request.Minor == 0 {
		out = append(out, "Connection: keep-alive\r\n"...)
	}
	return out
}

// A larger body is not copied behind its head.
const maxJoined = 16 * 1024

// send sends a whole answer.
func (call *call) send(answer *reply.Reply) error {
	c := call.conn
	if hasNoBody(answer.Status) || !answer.HasBody {
		c.out = call.appendHead(c.out[:0], answer, "", call.keeps())
		if !hasNoBody(answer.Status) {
			c.out = append(c.out, "Content-Length: 0\r\n"...)
		}
		c.out = append(c.out, "\r\n"...)
		return c.write()
	}
	c.out = call.appendHead(c.out[:0], answer, answer.Type, call.keeps())
	c.out = append(c.out, "Content-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(answer.Body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	if call.request.Method == "HEAD" {
		return c.write()
	}
	if len(answer.Body) <= maxJoined {
		c.out = append(c.out, answer.Body...)
		return c.write()
	}
	if err := c.write(); err != nil {
		return err
	}
	_, err := c.net.Write(answer.Body)
	return err
}

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newRequestID is req_ and a ULID, for a call that came without an id.
func newRequestID(now time.Time) string {
	id := [30]byte{'r', 'e', 'q', '_'}
	millis := uint64(now.UnixMilli())
	for i := 13; i >= 4; i-- {
		id[i] = digits[millis&31]
		millis >>= 5
	}
	high, low := rand.Uint64(), rand.Uint64()
	for i := 0; i < 8; i++ {
		id[14+i] = digits[high>>(5*i)&31]
		id[22+i] = digits[low>>(5*i)&31]
	}
	return string(id[:])
}

// newUUID is a random UUID (version 4).
func newUUID() string {
	high := rand.Uint64()&^0xf000 | 0x4000
	low := rand.Uint64()&^(3<<62) | 1<<63
	const hex = "0123456789abcdef"
	id := make([]byte, 0, 36)
	for i := 0; i < 32; i++ {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			id = append(id, '-')
		}
		word, shift := high, 60-4*i
		if i >= 16 {
			word, shift = low, 60-4*(i-16)
		}
		id = append(id, hex[word>>shift&15])
	}
	return string(id)
}
