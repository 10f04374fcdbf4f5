package sdk_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/core"
)

// platform is a backend that answers by a function, with a models directory.
type platform struct {
	models string
	answer func(request *core.GatewayRequest) (int, string)
}

func (p platform) Context() context.Context           { return context.Background() }
func (p platform) Deadline() time.Time                { return time.Now().Add(time.Minute) }
func (p platform) Log(string, string, map[string]any) {}
func (p platform) Accept(string) (core.Socket, error) { return nil, errors.New("none") }
func (p platform) Models() string                     { return p.models }
func (p platform) Model(string) any                   { return nil }
func (p platform) Gateway() core.Gateway {
	if p.answer == nil {
		return nil
	}
	return p
}

func (p platform) Do(_ context.Context, request *core.GatewayRequest) (*core.GatewayResponse, error) {
	status, body := p.answer(request)
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &core.GatewayResponse{Status: status, Length: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}, nil
}

func contextOn(p platform) *sdk.Context {
	ctx := &sdk.Context{}
	sdk.Attach(ctx, p)
	return ctx
}

func TestAModelOfTheModelsDirectory(t *testing.T) {
	directory := t.TempDir()
	if err := os.MkdirAll(filepath.Join(directory, "zen", "small"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx := contextOn(platform{models: directory})
	model, err := ctx.Model("zen/small")
	if err != nil || model.Path() != filepath.Join(directory, "zen", "small") || model.Name() != "zen/small" {
		t.Fatal(model, err)
	}
	if _, err := model.Encode("x"); !errors.Is(err, sdk.ErrUnsupported) || !strings.Contains(err.Error(), "onnx") {
		t.Error(err)
	}
	var refused *sdk.GatewayError
	if _, err := ctx.Model("none"); !errors.As(err, &refused) || !strings.Contains(refused.Message, filepath.Join(directory, "none")) {
		t.Error("a missing model names where it looked:", err)
	}
	for _, name := range []string{"", ".", "..", "../" + filepath.Base(directory), "/etc", "zen/../..", "a\x00"} {
		if model, err := ctx.Model(name); err == nil {
			t.Errorf("%q is %s", name, model.Path())
		}
	}
}

func TestAModelOfTheGateway(t *testing.T) {
	directory := t.TempDir()
	ctx := contextOn(platform{answer: func(request *core.GatewayRequest) (int, string) {
		body, _ := io.ReadAll(request.Body)
		if request.Target != "/v1/models" || string(body) != `{"name":"bge"}` {
			return 404, `{"error":"not_found","msg":"looked in a, b"}`
		}
		text, _ := json.Marshal(map[string]any{"path": directory, "digest": "d", "files": []any{}})
		return 200, string(text)
	}})
	if model, err := ctx.Model("bge"); err != nil || model.Path() != directory {
		t.Error(model, err)
	}
	var refused *sdk.GatewayError
	if _, err := ctx.Model("other"); !errors.As(err, &refused) || refused.Message != "looked in a, b" {
		t.Error(err)
	}
}

func TestAModelThatIsNotOnThisMachineIsFetchedOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	const content = "weights"
	sum := sha256.Sum256([]byte(content))
	var fetched atomic.Int64
	digest := hex.EncodeToString(sum[:])
	ctx := contextOn(platform{answer: func(request *core.GatewayRequest) (int, string) {
		if request.Target == "/v1/models/m/files/sub%2Fmodel.onnx" {
			fetched.Add(1)
			return 200, content
		}
		text, _ := json.Marshal(map[string]any{"path": "/nowhere/m", "digest": "sha256:d", "files": []any{
			map[string]any{"name": "sub/model.onnx", "size": len(content), "sha256": digest},
		}})
		return 200, string(text)
	}})
	for i := 0; i < 2; i++ {
		model, err := ctx.Model("m")
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(filepath.Join(model.Path(), "sub", "model.onnx")); string(data) != content || err != nil {
			t.Error(string(data), err)
		}
	}
	if fetched.Load() != 1 {
		t.Errorf("it was fetched %d times", fetched.Load())
	}
	digest = strings.Repeat("0", 64)
	_ = os.RemoveAll(filepath.Join(os.TempDir(), "hanzo-models"))
	if _, err := ctx.Model("m"); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Error("a file with another digest was taken:", err)
	}
}

type loaded struct{ sdk.Model }

func TestLoadersAreAskedInTurnAndOnce(t *testing.T) {
	directory := t.TempDir()
	// Loaders stay for the process: another run of this test has another name.
	own := fmt.Sprint("loaded", time.Now().UnixNano())
	_ = os.Mkdir(filepath.Join(directory, own), 0o755)
	var loads atomic.Int64
	sdk.RegisterModelLoader(func(path, name string) (sdk.Model, error) {
		if name != own {
			return nil, sdk.ErrUnsupported
		}
		if loads.Add(1) == 1 {
			return nil, io.ErrUnexpectedEOF
		}
		return loaded{}, nil
	})
	ctx := contextOn(platform{models: directory})
	if _, err := ctx.Model(own); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	for i := 0; i < 3; i++ {
		if model, err := ctx.Model(own); err != nil || model != (loaded{}) {
			t.Error(model, err)
		}
	}
	if loads.Load() != 2 {
		t.Errorf("%d loads", loads.Load())
	}
}

func TestErrorsOfTheGateway(t *testing.T) {
	for _, one := range []struct {
		status int
		body   string
		code   string
	}{
		{409, `{"error":"conflict","msg":"m","next":"n"}`, "conflict"},
		{507, "no JSON", "storage_full"},
		{418, "", "unavailable"},
		{200, "no JSON", "unavailable"},
		{200, `{"value":"text"}`, "unavailable"},
		{0, "", "unavailable"},
	} {
		ctx := contextOn(platform{answer: func(*core.GatewayRequest) (int, string) { return one.status, one.body }})
		var refused *sdk.GatewayError
		if _, err := ctx.KV().LLen("l"); !errors.As(err, &refused) || refused.Code != one.code || refused.Message == "" {
			t.Errorf("%d %q: %v", one.status, one.body, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	headers := sdk.HeadersOf([]core.Field{
		{Name: "X-A", Value: "1"}, {Name: "Cookie", Value: "a=1"}, {Name: "x-a", Value: "2"}, {Name: "cookie", Value: "b=2"},
	})
	if headers.Get("X-a") != "1, 2" || headers.Get("cookie") != "a=1; b=2" || headers.Has("x-b") || len(headers.Values("x-a")) != 2 {
		t.Error(headers)
	}
	if text, err := json.Marshal(headers); err != nil || !bytes.Equal(text, []byte(`{"cookie":"a=1; b=2","x-a":"1, 2"}`)) {
		t.Error(string(text), err)
	}
}
