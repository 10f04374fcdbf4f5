package sdktest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
)

// Platform is the platform's gateway in memory. Contexts may share one; it may be used from several goroutines.
type Platform struct {
	mutex     sync.Mutex
	keys      map[string]*entry
	objects   map[string]*object
	published []Message
	lines     []Line
	models    map[string]sdk.Model
	// now is the time of the key-value store.
	now func() time.Time
}

// Message is one that the function published.
type Message struct {
	Subject string
	ID      string
	// Data as JSON has it: maps, lists, strings, float64.
	Data any
}

// Line is one that the function logged with ctx.Log.
type Line struct {
	Level     string
	Msg       string
	RequestID string
	Fields    map[string]any
}

// NewPlatform is an empty platform.
func NewPlatform() *Platform {
	return &Platform{
		keys: map[string]*entry{}, objects: map[string]*object{}, models: map[string]sdk.Model{}, now: time.Now,
	}
}

// Published are the messages so far.
func (p *Platform) Published() []Message {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]Message(nil), p.published...)
}

// Logs are the lines so far.
func (p *Platform) Logs() []Line {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]Line(nil), p.lines...)
}

// SetModel gives ctx.Model a model under a name: one that a test makes.
func (p *Platform) SetModel(name string, model sdk.Model) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.models[name] = model
}

func (p *Platform) log(line Line) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.lines = append(p.lines, line)
}

// refused is an answer of 400 and above.
type refused struct {
	status    int
	code, msg string
}

func (r *refused) Error() string { return r.msg }

func refuse(status int, code, format string, args ...any) *refused {
	return &refused{status, code, fmt.Sprintf(format, args...)}
}

// Do answers as the gateway does: gateway/protocol.md of hanzo-fn.
func (p *Platform) Do(ctx context.Context, request *core.GatewayRequest) (*core.GatewayResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var body []byte
	if request.Body != nil {
		read, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		body = read
	}
	target, err := url.ParseRequestURI(request.Target)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	response, failed := p.answer(request, target, body)
	if failed != nil {
		text, _ := json.Marshal(map[string]any{"status": "error", "code": failed.status, "error": failed.code, "msg": failed.msg})
		return whole(failed.status, text), nil
	}
	return response, nil
}

func (p *Platform) answer(request *core.GatewayRequest, target *url.URL, body []byte) (*core.GatewayResponse, *refused) {
	switch request.Method + " " + target.Path {
	case "POST /v1/kv":
		return p.kv(body)
	case "POST /v1/publish":
		return p.publish(body)
	case "POST /v1/models":
		return nil, refuse(404, "not_found", "there is no such model in this test: Platform.SetModel gives one")
	case "POST /v1/storage/presign":
		return p.presign(body)
	case "GET /v1/storage/list":
		return p.list(target.Query())
	}
	if target.Path == "/v1/storage/object" {
		return p.object(request, target.Query().Get("ref"), body)
	}
	return nil, refuse(400, "bad_request", "the gateway has no %s %s", request.Method, target.Path)
}

func (p *Platform) publish(body []byte) (*core.GatewayResponse, *refused) {
	var message Message
	if err := json.Unmarshal(body, &message); err != nil {
		return nil, refuse(400, "bad_request", "%v", err)
	}
	if !isSubject(message.Subject) {
		return nil, refuse(400, "bad_request", "%q is no subject to publish to", message.Subject)
	}
	if len(body) > 1<<20 {
		return nil, refuse(413, "payload_too_large", "a message has at most 1 MiB")
	}
	if message.ID == "" {
		message.ID = "m" + strconv.Itoa(len(p.published)+1)
	}
	p.published = append(p.published, message)
	return answerJSON(map[string]string{"id": message.ID}), nil
}

// isSubject: mq.… without wildcards goes to NATS, a snake_case name to Kafka.
func isSubject(subject string) bool {
	if strings.HasPrefix(subject, "mq.dlq.") || strings.HasSuffix(subject, ".") || strings.Contains(subject, "..") {
		return false
	}
	dotted := strings.HasPrefix(subject, "mq.")
	for _, c := range subject {
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_'
		if !letter && !(dotted && (c == '.' || c == '-' || 'A' <= c && c <= 'Z')) {
			return false
		}
	}
	return subject != ""
}

func whole(status int, body []byte, fields ...core.Field) *core.GatewayResponse {
	return &core.GatewayResponse{
		Status: status, Header: fields, Length: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
}

func answerJSON(value any) *core.GatewayResponse {
	body, _ := json.Marshal(value)
	return whole(200, body, core.Field{Name: "Content-Type", Value: "application/json"})
}
