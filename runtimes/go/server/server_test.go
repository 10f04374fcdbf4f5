package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/handler"
)

// start serves a handler on a Unix socket, in this process.
func start(t *testing.T, function any, change func(*settings)) (path string) {
	t.Helper()
	invoke, streams, err := handler.Adapt(function)
	if err != nil {
		t.Fatal(err)
	}
	given := takeSettings(map[string]string{
		"HANZO_FN_FUNCTION": "f", "HANZO_FN_REVISION": "f-1", "HANZO_FN_INSTANCE": "i", "HANZO_FN_TIMEOUT_MS": "5000",
	}, "")
	if change != nil {
		change(&given)
	}
	path = t.TempDir() + "/s"
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(given, invoke, streams)
	s.listening(listener)
	go func() { _ = s.serve() }()
	t.Cleanup(func() {
		s.draining.Store(true)
		_ = listener.Close()
	})
	return path
}

func client(path string) *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
}

// raw sends bytes and reads until the other side closes.
func raw(t *testing.T, path, sent string) string {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	received, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%v after %q", err, received)
	}
	return string(received)
}

func get(t *testing.T, c *http.Client, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, _ := http.NewRequest("GET", "http://f"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response, string(body)
}

func TestAnswersCarryWhoAnsweredAndTheFirstHowLongTheBootTook(t *testing.T) {
	c := client(start(t, func(ctx *sdk.Context) *sdk.Response { return sdk.OK(ctx.RequestID) }, nil))
	first, body := get(t, c, "/")
	if first.Header.Get("X-Function-Instance") != "i" || first.Header.Get("X-Function-Cold-Start") == "" || len(body) != 30 {
		t.Error(first.Header, body)
	}
	second, body := get(t, c, "/", "X-Request-ID", "req_own")
	if second.Header.Get("X-Function-Cold-Start") != "" || body != "req_own" {
		t.Error(second.Header, body)
	}
}

func TestWhatAHandlerFailsWith(t *testing.T) {
	c := client(start(t, func(ctx *sdk.Context) (any, error) {
		switch ctx.Path {
		case "/error":
			return nil, fmt.Errorf("detail: %w", &sdk.GatewayError{})
		case "/panic":
			var none []int
			return none[len(ctx.Path)], nil
		case "/text":
			panic("detail")
		case "/exit":
			runtime.Goexit()
		case "/marshal":
			return badMarshaler{}, nil
		case "/stream":
			return sdk.Stream(func(*sdk.Writer) error { panic("detail") }), nil
		case "/stream-exit":
			return sdk.Stream(func(*sdk.Writer) error { runtime.Goexit(); return nil }), nil
		case "/status":
			return sdk.New(7, "x"), nil
		}
		return "well", nil
	}, nil))
	for path, msg := range map[string]string{
		"/error": "the handler raised GatewayError", "/panic": "the handler raised RuntimeError", "/text": "the handler raised panic",
		"/exit": "the handler raised Goexit", "/marshal": "the handler raised panic", "/stream": "the handler raised panic",
		"/stream-exit": "the handler raised Goexit",
		"/status":      "the handler returned a Response that cannot be sent: the status of the Response is 7, not a number from 200 to 599",
	} {
		answer, body := get(t, c, path)
		var told struct{ Msg, Error string }
		_ = json.Unmarshal([]byte(body), &told)
		if answer.StatusCode != 500 || told.Msg != msg || answer.Header.Get("X-Function-Error") != "handler_error" || strings.Contains(body, "detail:") {
			t.Error(path, answer.StatusCode, body)
		}
		if _, body := get(t, c, "/"); body != "well" {
			t.Error("after", path, body)
		}
	}
}

type badMarshaler struct{}

func (badMarshaler) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }

func TestADeadlineAnswersAndGivesTheTurnOn(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan error, 1)
	path := start(t, func(ctx *sdk.Context) (any, error) {
		if ctx.Path == "/stuck" {
			<-release
			ended <- ctx.Context().Err()
			return "late", nil
		}
		return "well", nil
	}, func(s *settings) { s.concurrency = 1 })
	c := client(path)
	answer, body := get(t, c, "/stuck", "X-Function-Deadline-Ms", "30")
	if answer.StatusCode != 504 || !strings.Contains(body, `"error":"timeout"`) {
		t.Error(answer.StatusCode, body)
	}
	// On the connection that another goroutine owns now.
	for i := 0; i < 3; i++ {
		if answer, body := get(t, c, "/"); answer.StatusCode != 200 || body != "well" {
			t.Error(answer.StatusCode, body)
		}
	}
	close(release)
	if err := <-ended; err != context.DeadlineExceeded {
		t.Error(err)
	}
	if _, body := get(t, c, "/"); body != "well" {
		t.Error(body)
	}
}

func TestDeadlinesThatAreOver(t *testing.T) {
	c := client(start(t, func(*sdk.Context) {}, nil))
	if answer, _ := get(t, c, "/", "X-Function-Deadline-Ms", "0"); answer.StatusCode != 504 {
		t.Error(answer.StatusCode)
	}
	for _, odd := range []string{"x", "-1", "1e3", "", "99999999999", "5."} {
		if answer, _ := get(t, c, "/", "X-Function-Deadline-Ms", odd); answer.StatusCode != 204 {
			t.Error(odd, answer.StatusCode)
		}
	}
}

func TestACallerThatLeavesCancelsTheCall(t *testing.T) {
	started, ended := make(chan struct{}, 2), make(chan error, 2)
	path := start(t, func(ctx *sdk.Context) error {
		derived, cancel := context.WithCancel(ctx.Context())
		defer cancel()
		started <- struct{}{}
		<-derived.Done()
		ended <- ctx.Context().Err()
		return ctx.Context().Err()
	}, nil)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: f\r\n\r\n")
	<-started
	conn.Close()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
}

func TestCallsWaitForTheirTurnInOrder(t *testing.T) {
	var mutex sync.Mutex
	var order []string
	gate, began := make(chan struct{}), make(chan struct{})
	path := start(t, func(ctx *sdk.Context) {
		if ctx.Path == "/first" {
			close(began)
			<-gate
		}
		mutex.Lock()
		order = append(order, ctx.Path)
		mutex.Unlock()
	}, func(s *settings) { s.concurrency = 1 })
	var all sync.WaitGroup
	for i, name := range []string{"/first", "/second", "/third"} {
		all.Add(1)
		go func() {
			defer all.Done()
			response, err := client(path).Get("http://f" + name)
			if err != nil || response.StatusCode != 204 {
				t.Error(name, err)
			}
		}()
		if i == 0 {
			<-began
			continue
		}
		time.Sleep(20 * time.Millisecond)
	}
	close(gate)
	all.Wait()
	if strings.Join(order, "") != "/first/second/third" {
		t.Error(order)
	}
}

func TestRequestsInOneGo(t *testing.T) {
	path := start(t, func(ctx *sdk.Context) *sdk.Response {
		if ctx.Path == "/slow" {
			// Long enough that the connection is watched, and what follows is read ahead.
			time.Sleep(20 * time.Millisecond)
		}
		return sdk.Text(ctx.Path + string(ctx.Body) + ";")
	}, nil)
	received := raw(t, path, "POST /slow HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"+
		"POST /slow HTTP/1.1\r\nHost: f\r\nContent-Length: 1\r\n\r\nb"+
		"GET /c HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n")
	reader := bufio.NewReader(strings.NewReader(received))
	for _, wanted := range []string{"/slowa;", "/slowb;", "/c;"} {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err, received)
		}
		if body, _ := io.ReadAll(response.Body); string(body) != wanted {
			t.Errorf("%q", body)
		}
	}
}

func TestRefusalsHaveThePlatformsBody(t *testing.T) {
	path := start(t, func(*sdk.Context) {}, func(s *settings) { s.maxBody = 10 })
	for sent, wanted := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n": "400 malformed_http",
		"nonsense\r\n\r\n":       "400 malformed_http",
		"GET / HTTP/3.0\r\n\r\n": "505 http_version",
		"GET / HTTP/1.1\r\nHost: f\r\nX: " + strings.Repeat("x", 70_000) + "\r\n\r\n": "431 head_too_large",
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 11\r\n\r\nhello world":         "413 payload_too_large",
		"POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":      "400 malformed_http",
	} {
		received := raw(t, path, sent)
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(received)), nil)
		if err != nil {
			t.Errorf("%q: %v", received, err)
			continue
		}
		var told struct {
			Status, Error, RequestID string
			Code                     int
		}
		err = json.NewDecoder(response.Body).Decode(&told)
		if err != nil || fmt.Sprintf("%d %s", response.StatusCode, told.Error) != wanted || told.Code != response.StatusCode ||
			told.RequestID == "" || !response.Close {
			t.Errorf("%.40q: %d %+v %v", sent, response.StatusCode, told, err)
		}
	}
}

func TestHTTP10(t *testing.T) {
	path := start(t, func(ctx *sdk.Context) any {
		if ctx.Path == "/stream" {
			return sdk.StreamFrom([]string{"a", "b"})
		}
		return "whole"
	}, nil)
	if got := raw(t, path, "GET / HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\nwhole") || !strings.Contains(got, "Connection: close") {
		t.Errorf("%q", got)
	}
	if got := raw(t, path, "GET /stream HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\nab") || strings.Contains(got, "chunked") {
		t.Errorf("%q", got)
	}
	got := raw(t, path, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")
	if strings.Count(got, "whole") != 2 {
		t.Errorf("%q", got)
	}
}

func TestControlCalls(t *testing.T) {
	path := start(t, func(ctx *sdk.Context) string { return "user code saw " + ctx.Path }, func(s *settings) { s.controlToken = "secret" })
	c := client(path)
	if answer, body := get(t, c, "/.hanzo/ready"); answer.StatusCode != 200 || body != `{"state":"ready"}` {
		t.Error(answer.StatusCode, body)
	}
	if answer, body := get(t, c, "/.hanzo/else"); answer.StatusCode != 404 || !strings.Contains(body, "not_found") {
		t.Error(answer.StatusCode, body)
	}
	for token, status := range map[string]int{"": 401, "guess": 401, "secre": 401, "secrets": 401, "secret": 409} {
		request, _ := http.NewRequest("POST", "http://f/.hanzo/specialise", strings.NewReader("{}"))
		request.Header.Set("X-Hanzo-Control", token)
		answer, err := c.Do(request)
		if err != nil || answer.StatusCode != status {
			t.Error(token, err)
		}
		answer.Body.Close()
	}
	if got := raw(t, path, "GET http://f/.hanzo/ping HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n"); !strings.Contains(got, `"ready"`) {
		t.Errorf("the absolute form: %q", got)
	}
	if answer, body := get(t, c, "/"); answer.Header.Get("X-Function-Cold-Start") == "" {
		t.Error("control calls are no first answer", answer.Header, body)
	}
}

func TestAWriterThatOutlivesItsCallWritesNothing(t *testing.T) {
	kept := make(chan *sdk.Writer, 1)
	c := client(start(t, func(ctx *sdk.Context) any {
		if ctx.Path == "/stream" {
			return sdk.Stream(func(w *sdk.Writer) error {
				kept <- w
				return w.Send("x")
			})
		}
		return "well"
	}, nil))
	get(t, c, "/stream")
	if err := (<-kept).Send("y"); err == nil {
		t.Error("it was sent")
	}
	if _, body := get(t, c, "/"); body != "well" {
		t.Error(body)
	}
}

func TestAStreamedBodyFailsWithTheCall(t *testing.T) {
	failed := make(chan error, 1)
	path := start(t, func(ctx *sdk.Context, body io.Reader) error {
		_, err := io.ReadAll(body)
		failed <- err
		return err
	}, nil)
	received := raw(t, path, "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 10\r\nX-Function-Deadline-Ms: 30\r\n\r\nfour")
	if !strings.HasPrefix(received, "HTTP/1.1 504 ") {
		t.Errorf("%q", received)
	}
	if err := <-failed; !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	c := client(start(t, func(ctx *sdk.Context) (any, error) {
		if ctx.Data["n"].(string) == "7" {
			time.Sleep(3 * time.Millisecond)
		}
		return ctx.Data["n"], nil
	}, func(s *settings) { s.concurrency = 4 }))
	var all sync.WaitGroup
	for worker := 0; worker < 16; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 50; i++ {
				n := fmt.Sprint(i % 10)
				if _, body := get(t, c, "/?n="+n); body != n {
					t.Errorf("%q for %s", body, n)
				}
			}
		}()
	}
	all.Wait()
}

func TestRequestIDs(t *testing.T) {
	first, second := newRequestID(time.UnixMilli(1)), newRequestID(time.UnixMilli(1<<47))
	if len(first) != 30 || !strings.HasPrefix(first, "req_0000000001") || first[4:14] >= second[4:14] {
		t.Error(first, second)
	}
	if id := newUUID(); len(id) != 36 || id[14] != '4' || !strings.ContainsRune("89ab", rune(id[19])) || id == newUUID() {
		t.Error(id)
	}
}
