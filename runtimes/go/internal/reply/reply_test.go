package reply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
)

type sink struct {
	ctx   context.Context
	kinds []core.PieceKind
	sent  []string
}

func (s *sink) Context() context.Context { return s.ctx }

func (s *sink) Piece(kind core.PieceKind, data []byte) error {
	s.kinds = append(s.kinds, kind)
	s.sent = append(s.sent, string(data))
	return s.ctx.Err()
}

func id() string { return "an-id" }

func drain(t *testing.T, value any) (*sink, error) {
	t.Helper()
	reply, err := Of(value, "f", id)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Pieces == nil {
		t.Fatalf("%T is no stream", value)
	}
	into := &sink{ctx: context.Background()}
	return into, reply.Pieces(into)
}

func TestWholeAnswers(t *testing.T) {
	var none *sdk.Response
	type named struct {
		A int `json:"a"`
	}
	for _, one := range []struct {
		value      any
		status     int
		kind, body string
		hasBody    bool
	}{
		{nil, 204, "", "", false},
		{none, 204, "", "", false},
		{"grüße <&>", 200, Text, "grüße <&>", true},
		{[]byte{0, 255}, 200, Bytes, "\x00\xff", true},
		{map[string]any{"a": "<&>"}, 200, JSON, `{"a":"<&>"}`, true},
		{[]int{1}, 200, JSON, "[1]", true},
		{named{1}, 200, JSON, `{"a":1}`, true},
		{&named{1}, 200, JSON, `{"a":1}`, true},
		{1.5, 200, JSON, "1.5", true},
		{true, 200, JSON, "true", true},
		{sdk.JSON(nil), 200, JSON, "null", true},
		{sdk.JSON("x"), 200, JSON, `"x"`, true},
		{sdk.OK(nil), 200, "", "", false},
		{&sdk.Response{}, 204, "", "", false},
		{&sdk.Response{Body: "x"}, 200, Text, "x", true},
		{sdk.Response{Status: 201, Body: 1}, 201, JSON, "1", true},
		{sdk.Errorf(418, "a %s", "teapot"), 418, JSON, `{"error":"a teapot"}`, true},
		{sdk.Error(500, nil), 500, JSON, `{"error":"unknown error"}`, true},
		{sdk.Batch(nil), 200, JSON, `{"results":[]}`, true},
	} {
		reply, err := Of(one.value, "f", id)
		if err != nil {
			t.Errorf("%v: %v", one.value, err)
			continue
		}
		if reply.Status != one.status || reply.Type != one.kind || string(reply.Body) != one.body || reply.HasBody != one.hasBody {
			t.Errorf("%v: %+v", one.value, reply)
		}
	}
}

func TestHeadersThatAreTheFunctions(t *testing.T) {
	response := sdk.Text("x").With("X-B", "1").With("X-B", "2").With("content-type", "text/html").
		With("Connection", "close").With("X-Function-Error", "forged").With("Content-Length", "1").With("TE", "x")
	reply, err := Of(response, "f", id)
	wanted := []core.Field{{Name: "X-B", Value: "1"}, {Name: "X-B", Value: "2"}, {Name: "content-type", Value: "text/html"}}
	if err != nil || !reflect.DeepEqual(reply.Fields, wanted) || reply.Type != "" || !reply.Typed {
		t.Errorf("%+v %v", reply, err)
	}
}

func TestAnswersThatCannotBeSent(t *testing.T) {
	cycle := map[string]any{}
	cycle["self"] = cycle
	var unserialisable *sdk.UnserialisableError
	var bad *BadAnswer
	for _, value := range []any{math.NaN(), map[string]any{"f": func() {}}, cycle, sdk.JSON(make(chan int)), []any{complex(1, 1)}} {
		if _, err := Of(value, "f", id); !errors.As(err, &unserialisable) {
			t.Errorf("%T: %v", value, err)
		}
	}
	for _, value := range []any{
		sdk.New(199, "x"), sdk.New(600, "x"), sdk.Text("x").With("X-A", "a\r\nX-B: 1"), sdk.Text("x").With("X A", "1"),
		sdk.Text("x").With("", "1"), sdk.StreamFrom(nil), sdk.StreamFrom(7), sdk.SSEFrom("text"), sdk.Event(sdk.CloudEvent{}),
		sdk.Event(sdk.CloudEvent{Type: "t", Extensions: map[string]any{"Not OK": 1}}),
	} {
		if _, err := Of(value, "f", id); !errors.As(err, &bad) {
			t.Errorf("%v: %v", value, err)
		}
	}
	if _, err := Of(io.ErrNoProgress, "f", id); err != io.ErrNoProgress {
		t.Errorf("an error that is returned as the value: %v", err)
	}
}

func TestStreamsOfEverySource(t *testing.T) {
	channel := make(chan any, 3)
	channel <- 1
	channel <- "two"
	close(channel)
	read := make(<-chan string)
	sequence := func(yield func(string) bool) { _ = yield("a") && yield("b") }
	pairs := func(yield func([]byte, error) bool) {
		_ = yield([]byte("a"), nil) && yield(nil, io.ErrNoProgress) && yield(nil, nil)
	}
	_ = read
	for _, one := range []struct {
		source any
		sent   []string
		err    error
	}{
		{strings.NewReader("abc"), []string{"abc"}, nil},
		{channel, []string{"1\n", "two"}, nil},
		{sequence, []string{"a", "b"}, nil},
		{pairs, []string{"a"}, io.ErrNoProgress},
		{sdk.StreamFrom([]any{map[string]any{"n": 1}, "x"}), []string{"{\"n\":1}\n", "x"}, nil},
		{sdk.Stream(func(w *sdk.Writer) error {
			fmt.Fprintf(w, "%d", 1)
			_, err := w.WriteString("two")
			return err
		}), []string{"1", "two"}, nil},
		{sdk.SSEFrom([]sdk.ServerEvent{{Event: "a\nb", ID: "1\r2", Data: "x\r\ny\rz"}, {Data: nil}}),
			[]string{"event: a b\nid: 1 2\ndata: x\ndata: y\ndata: z\n\n", "\n"}, nil},
		{sdk.SSE(func(w *sdk.EventWriter) error { return w.Send(map[string]int{"n": 1}) }), []string{"data: {\"n\":1}\n\n"}, nil},
	} {
		into, err := drain(t, one.source)
		if err != one.err || !reflect.DeepEqual(into.sent, one.sent) {
			t.Errorf("%T: %q %v", one.source, into.sent, err)
		}
	}
}

func TestAStreamEndsWithItsCall(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	reply, _ := Of(make(chan int), "f", id)
	if err := reply.Pieces(&sink{ctx: ctx}); err != context.Canceled {
		t.Errorf("%v", err)
	}
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestAReaderIsClosed(t *testing.T) {
	read, left := &closer{Reader: strings.NewReader("x")}, &closer{Reader: strings.NewReader("x")}
	if _, err := drain(t, read); err != nil || !read.closed {
		t.Error("after it was read", err)
	}
	reply, _ := Of(left, "f", id)
	if reply.Close(); !left.closed {
		t.Error("without being read")
	}
}

func TestEvents(t *testing.T) {
	binary, err := Of(sdk.Event(sdk.CloudEvent{
		Type: "t", Subject: "a \"ü\"%", Time: "2026-01-01T00:00:00Z", Extensions: map[string]any{"n": 1, "b": true}, Data: "text",
	}), "f", id)
	if err != nil || binary.Type != JSON || string(binary.Body) != `"text"` {
		t.Fatalf("%+v %v", binary, err)
	}
	for name, value := range map[string]string{
		"ce-id": "an-id", "ce-source": "/functions/f", "ce-subject": "a%20%22%C3%BC%22%25", "ce-n": "1", "ce-b": "true", "ce-specversion": "1.0",
	} {
		if got, _ := core.Get(binary.Fields, name); got != value {
			t.Errorf("%s: %q", name, got)
		}
	}
	raw, _ := Of(sdk.Event(sdk.CloudEvent{Type: "t", DataContentType: "text/csv", Data: "a,b"}), "f", id)
	if raw.Type != "text/csv" || string(raw.Body) != "a,b" {
		t.Errorf("%+v", raw)
	}
	empty, _ := Of(sdk.Event(sdk.CloudEvent{Type: "t"}), "f", id)
	if empty.HasBody || empty.Type != "" {
		t.Errorf("%+v", empty)
	}
}

type custom struct{}

func (custom) Error() string { return "custom" }

func TestNamesOfErrors(t *testing.T) {
	for name, value := range map[string]any{
		"custom":       fmt.Errorf("wrapped: %w", custom{}),
		"error":        errors.New("x"),
		"panic":        "text",
		"GatewayError": &sdk.GatewayError{},
	} {
		if got := NameOf(value); got != name {
			t.Errorf("%v: %s", value, got)
		}
	}
}
