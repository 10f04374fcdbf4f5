package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// serve runs net/http as the gateway; connections counts those that were opened.
func serve(t *testing.T, handler http.HandlerFunc) (client *Client, connections *atomic.Int64) {
	t.Helper()
	path := t.TempDir() + "/g"
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	connections = &atomic.Int64{}
	server := &http.Server{Handler: handler, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	client, err = New("unix:"+path, "secret")
	if err != nil {
		t.Fatal(err)
	}
	return client, connections
}

func text(t *testing.T, response *core.GatewayResponse, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestRequestsShareAConnection(t *testing.T) {
	client, connections := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+" "+string(body))
	})
	for i := 0; i < 5; i++ {
		response, err := client.Do(context.Background(), &core.GatewayRequest{Method: "POST", Target: "/a?b=c", Body: strings.NewReader("hi"), Length: 2})
		if got := text(t, response, err); got != "POST /a?b=c Bearer secret hi" {
			t.Error(got)
		}
	}
	if connections.Load() != 1 {
		t.Errorf("%d connections", connections.Load())
	}
}

func TestBodiesOfEveryLength(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	for _, size := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 3 * pieceSize} {
		sent := strings.Repeat("x", size)
		for _, length := range []int64{int64(size), -1} {
			response, err := client.Do(context.Background(), &core.GatewayRequest{
				Method: "PUT", Target: "/", Body: io.MultiReader(strings.NewReader(sent)), Length: length,
			})
			if got := text(t, response, err); got != sent {
				t.Errorf("%d bytes came back of %d", len(got), size)
			}
		}
	}
}

func TestABodyThatIsNotAsLongAsItSays(t *testing.T) {
	client, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for _, length := range []int64{1, 10} {
		_, err := client.Do(context.Background(), &core.GatewayRequest{Method: "PUT", Target: "/", Body: io.MultiReader(strings.NewReader("four")), Length: length})
		if length == 10 && !IsBodyError(err) {
			t.Errorf("length %d: %v", length, err)
		}
	}
	_, err := client.Do(context.Background(), &core.GatewayRequest{Method: "PUT", Target: "/", Body: io.MultiReader(failing{}), Length: -1})
	if !IsBodyError(err) || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a body that fails: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

func TestAClosedConnectionIsReplaced(t *testing.T) {
	client, connections := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	response, err := client.Do(context.Background(), &core.GatewayRequest{Method: "GET", Target: "/"})
	text(t, response, err)
	client.idle[0].net.Close()
	response, err = client.Do(context.Background(), &core.GatewayRequest{Method: "GET", Target: "/"})
	if got := text(t, response, err); got != "ok" || connections.Load() != 2 {
		t.Error(got, connections.Load())
	}
}

func TestNothingIsRepeatedThatMayHaveArrived(t *testing.T) {
	var seen atomic.Int64
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
	})
	response, err := client.Do(context.Background(), &core.GatewayRequest{Method: "GET", Target: "/"})
	text(t, response, err)
	if _, err := client.Do(context.Background(), &core.GatewayRequest{Method: "GET", Target: "/"}); err == nil || seen.Load() != 2 {
		t.Error(err, seen.Load())
	}
}

func TestTheContextEndsARequest(t *testing.T) {
	client, connections := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "part")
			w.(http.Flusher).Flush()
		}
		if r.URL.Path != "/" {
			<-r.Context().Done()
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := client.Do(ctx, &core.GatewayRequest{Method: "GET", Target: "/head"}); err != context.DeadlineExceeded {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	response, err := client.Do(ctx, &core.GatewayRequest{Method: "GET", Target: "/body"})
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(response.Body)
	if _, err := reader.Peek(4); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(reader); err == nil {
		t.Error("the body was read to an end")
	}
	response.Body.Close()
	response, err = client.Do(context.Background(), &core.GatewayRequest{Method: "GET", Target: "/"})
	text(t, response, err)
	if connections.Load() != 3 {
		t.Errorf("a connection was kept whose answer was not read: %d", connections.Load())
	}
}

func TestWhatIsNoGateway(t *testing.T) {
	for _, url := range []string{"", "unix:", "http://", "https://x", "http://a/b", "http://u@a", "tcp:a"} {
		if _, err := New(url, ""); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
	client, _ := New("unix:/nowhere/at/all", "")
	if _, err := client.Do(context.Background(), &core.GatewayRequest{Method: "GET", Target: "/"}); err == nil {
		t.Error("it answered")
	}
}
