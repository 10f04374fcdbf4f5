// Package http1 reads HTTP/1.1 messages strictly: whatever two readers could take differently is refused.
package http1

import (
	"fmt"
	"strings"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// MaxHead is the largest head of a message in bytes: section 11 of the runtime contract.
const MaxHead = 64 * 1024

// Chunked as a length says that the body comes in chunks.
const Chunked = -1

// Refusal is a request that is answered with an error and the end of the connection.
type Refusal struct {
	Status int
	Code   string
	Msg    string
}

func (r *Refusal) Error() string { return r.Msg }

// Refuse makes a refusal.
func Refuse(status int, code, format string, args ...any) *Refusal {
	return &Refusal{status, code, fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) *Refusal {
	return Refuse(400, "malformed_http", format, args...)
}

// Request is the head of a request.
type Request struct {
	Method string
	// Target as sent.
	Target string
	// Minor is that of the version: 0 or 1.
	Minor  int
	Fields []core.Field
	// Length of the body in bytes, or Chunked.
	Length          int64
	KeepAlive       bool
	ExpectsContinue bool
	// Host, ContentType and RequestID are the first fields of these names.
	ContentType string
}

// ParseRequest takes a whole head apart, blank line included.
func ParseRequest(head string) (*Request, *Refusal) {
	line, rest, _ := strings.Cut(head, "\r\n")
	method, after, found := strings.Cut(line, " ")
	target, version, foundToo := strings.Cut(after, " ")
	if !found || !foundToo || !isToken(method) || !isTarget(target) {
		return nil, malformed("the request line is malformed")
	}
	if len(version) != 8 || version[:7] != "HTTP/1." || version[7] < '0' || version[7] > '9' {
		if strings.HasPrefix(version, "HTTP/") {
			return nil, Refuse(505, "http_version", "the version is not HTTP/1.x")
		}
		return nil, malformed("the request line is malformed")
	}
	request := &Request{Method: method, Target: target, Minor: int(version[7] - '0')}
	fields, refusal := parseFields(rest)
	if refusal != nil {
		return nil, refusal
	}
	request.Fields = fields
	return request, request.frame()
}

func parseFields(rest string) ([]core.Field, *Refusal) {
	fields := make([]core.Field, 0, 12)
	for rest != "\r\n" {
		line, more, found := strings.Cut(rest, "\r\n")
		colon := strings.IndexByte(line, ':')
		if !found || colon <= 0 || !isToken(line[:colon]) {
			return nil, malformed("a header field is malformed")
		}
		value := strings.Trim(line[colon+1:], " \t")
		if !IsValue(value) {
			return nil, malformed("a header field holds a control character")
		}
		fields = append(fields, core.Field{Name: line[:colon], Value: value})
		rest = more
	}
	return fields, nil
}

// frame reads what the fields say about the body and the connection.
func (r *Request) frame() *Refusal {
	r.KeepAlive = r.Minor >= 1
	var hasLength, hasCoding, hasHost bool
	for i := range r.Fields {
		name, value := r.Fields[i].Name, r.Fields[i].Value
		switch len(name) {
		case 4:
			if strings.EqualFold(name, "host") {
				if hasHost {
					return malformed("the field host is repeated")
				}
				hasHost = true
			}
		case 6:
			if strings.EqualFold(name, "expect") && r.Minor >= 1 {
				if !strings.EqualFold(value, "100-continue") {
					return Refuse(417, "expectation_failed", "the only expectation is 100-continue")
				}
				r.ExpectsContinue = true
			}
		case 10:
			if strings.EqualFold(name, "connection") {
				r.connection(value)
			}
		case 12:
			if r.ContentType == "" && strings.EqualFold(name, "content-type") {
				r.ContentType = value
			}
		case 14:
			if strings.EqualFold(name, "content-length") {
				if hasLength {
					return malformed("the field content-length is repeated")
				}
				hasLength = true
				length, valid := decimal(value)
				if !valid {
					return malformed("the content-length is not a number")
				}
				r.Length = length
			}
		case 17:
			if strings.EqualFold(name, "transfer-encoding") {
				if hasCoding {
					return malformed("the field transfer-encoding is repeated")
				}
				hasCoding = true
				if !strings.EqualFold(value, "chunked") || r.Minor == 0 {
					return Refuse(501, "not_implemented", "the only transfer coding is chunked, in HTTP/1.1")
				}
			}
		}
	}
	if hasCoding && hasLength {
		return malformed("content-length together with transfer-encoding")
	}
	if hasCoding {
		r.Length = Chunked
	}
	if r.Minor >= 1 && !hasHost {
		return malformed("the field host is missing")
	}
	r.ExpectsContinue = r.ExpectsContinue && r.Length != 0
	return nil
}

func (r *Request) connection(value string) {
	for _, option := range strings.Split(value, ",") {
		option = strings.TrimSpace(option)
		if strings.EqualFold(option, "close") {
			r.KeepAlive = false
			return
		}
		if strings.EqualFold(option, "keep-alive") {
			r.KeepAlive = true
		}
	}
}

// Response is the head of an answer.
type Response struct {
	Status int
	Fields []core.Field
	// Length of the body in bytes, Chunked, or ToTheEnd where the end of the connection ends it.
	Length    int64
	KeepAlive bool
}

// ToTheEnd as a length says that the body ends with the connection.
const ToTheEnd = -2

// ParseResponse takes the head of an answer to a request of this method apart.
func ParseResponse(head, method string) (*Response, error) {
	line, rest, _ := strings.Cut(head, "\r\n")
	if len(line) < 12 || !strings.HasPrefix(line, "HTTP/1.") || line[8] != ' ' {
		return nil, malformed("the status line is malformed")
	}
	status, valid := decimal(line[9:12])
	if !valid || status < 100 {
		return nil, malformed("the status is malformed")
	}
	fields, refusal := parseFields(rest)
	if refusal != nil {
		return nil, refusal
	}
	response := &Response{Status: int(status), Fields: fields, Length: ToTheEnd, KeepAlive: line[7] >= '1'}
	if connection, found := core.Joined(fields, "connection"); found {
		request := Request{KeepAlive: response.KeepAlive}
		request.connection(connection)
		response.KeepAlive = request.KeepAlive
	}
	if coding, found := core.Joined(fields, "transfer-encoding"); found {
		if !strings.EqualFold(coding, "chunked") {
			return nil, malformed("an unknown transfer coding")
		}
		response.Length = Chunked
	} else if text, found := core.Get(fields, "content-length"); found {
		if response.Length, valid = decimal(text); !valid {
			return nil, malformed("the content-length is not a number")
		}
	}
	if method == "HEAD" || status < 200 || status == 204 || status == 304 {
		response.Length = 0
	}
	return response, nil
}

func decimal(text string) (int64, bool) {
	if text == "" || len(text) > 15 {
		return 0, false
	}
	var number int64
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		number = number*10 + int64(text[i]-'0')
	}
	return number, true
}

var tokens = func() (table [256]bool) {
	for c := 0; c < 256; c++ {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		table[c] = letter || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0 && c != 0
	}
	return table
}()

// IsToken says whether the text can be the name of a field.
func IsToken(text string) bool { return isToken(text) }

func isToken(text string) bool {
	for i := 0; i < len(text); i++ {
		if !tokens[text[i]] {
			return false
		}
	}
	return text != ""
}

func isTarget(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return text != ""
}

// IsValue says whether the text can be the value of a field: no control character but the tab.
func IsValue(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' && text[i] != '\t' || text[i] == 0x7f {
			return false
		}
	}
	return true
}
