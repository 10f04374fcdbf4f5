package sdktest

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
)

func TestAContextIsMadeOfItsData(t *testing.T) {
	ctx := New(Options{Data: map[string]any{"n": 1}, Headers: map[string]string{"X-Own": "1"}, Path: "/here"})
	if ctx.Data["n"] != 1.0 || ctx.Headers.Get("x-own") != "1" || ctx.Trigger.Source != "/here" || ctx.Trigger.Attempt != 1 {
		t.Errorf("%+v", ctx)
	}
	var decoded struct{ N int }
	if err := ctx.Decode(&decoded); err != nil || decoded.N != 1 {
		t.Error(decoded, err)
	}
	if left := ctx.Deadline(); left <= 0 || left > time.Minute || ctx.Cancelled() {
		t.Error(left)
	}
	Cancel(ctx)
	if !ctx.Cancelled() || ctx.Context().Err() != context.Canceled {
		t.Error("it is not cancelled")
	}
}

func TestABareContextServesASimpleTest(t *testing.T) {
	ctx := &sdk.Context{Data: map[string]any{"text": "x"}}
	ctx.Log.With("a", 1).Info("to standard error", "b", 2)
	var refused *sdk.GatewayError
	if _, _, err := ctx.KV().Get("a"); !errors.As(err, &refused) || refused.Code != "unavailable" {
		t.Error(err)
	}
	if _, err := ctx.Model("m"); !errors.As(err, &refused) || refused.Status != 503 {
		t.Error(err)
	}
	if _, err := ctx.Accept(); err == nil || ctx.Context() == nil || ctx.Deadline() <= 0 {
		t.Error(err)
	}
}

func TestLogs(t *testing.T) {
	platform := NewPlatform()
	ctx := New(Options{Platform: platform, RequestID: "req_1"})
	ctx.Log.With("a", 1).Warn("careful", map[string]any{"b": 2}, "c", 3, "odd")
	wanted := []Line{{"warn", "careful", "req_1", map[string]any{"a": 1, "b": 2, "c": 3, "odd": nil}}}
	if got := platform.Logs(); !reflect.DeepEqual(got, wanted) {
		t.Errorf("%+v", got)
	}
}

func TestCallGivesWhatTheCallerGets(t *testing.T) {
	answer, err := Call(func(ctx *sdk.Context) *sdk.Response {
		return sdk.OK(map[string]any{"hello": ctx.Data["name"]}).With("X-Own", "1")
	}, New(Options{Data: map[string]any{"name": "Ada"}}))
	if err != nil || answer.Status != 200 || answer.Text() != `{"hello":"Ada"}` || answer.Header.Get("Content-Type") != "application/json" ||
		answer.Header.Get("x-own") != "1" {
		t.Error(answer, err)
	}
	answer, err = Call(func(_ *sdk.Context, body io.Reader) any { return body }, New(Options{Body: []byte("sent")}))
	if err != nil || answer.Text() != "sent" || answer.Header.Get("Content-Type") != "application/octet-stream" {
		t.Error(answer, err)
	}
	answer, err = Call(func(*sdk.Context) any { return sdk.SSEFrom([]string{"a", "b"}) }, New(Options{}))
	if err != nil || len(answer.Pieces) != 2 || answer.Text() != "data: a\n\ndata: b\n\n" || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Error(answer, err)
	}
	if _, err := Call(func(*sdk.Context) error { return io.ErrNoProgress }, New(Options{})); err != io.ErrNoProgress {
		t.Error(err)
	}
}

func TestKV(t *testing.T) {
	platform := NewPlatform()
	now := time.Now()
	platform.now = func() time.Time { return now }
	kv := New(Options{Platform: platform}).KV()
	if done, err := kv.Set("a", map[string]int{"n": 1}, sdk.SetOptions{TTL: time.Second, NX: true}); !done || err != nil {
		t.Fatal(done, err)
	}
	if done, _ := kv.Set("a", "x", sdk.SetOptions{NX: true}); done {
		t.Error("NX set a key that was there")
	}
	var value struct{ N int }
	if found, err := kv.GetJSON("a", &value); !found || err != nil || value.N != 1 {
		t.Error(found, err, value)
	}
	if left, err := kv.TTL("a"); left != time.Second || err != nil {
		t.Error(left, err)
	}
	now = now.Add(time.Second)
	if _, found, _ := kv.Get("a"); found {
		t.Error("the key has outlived its time")
	}
	if left, _ := kv.TTL("a"); left != sdk.NoKey {
		t.Error(left)
	}
	if done, _ := kv.Set("a", "x", sdk.SetOptions{XX: true}); done {
		t.Error("XX set a key that was not there")
	}
	_, _ = kv.Set("b", []byte{0xff})
	if data, _, _ := kv.GetBytes("b"); string(data) != "\xff" {
		t.Errorf("%q", data)
	}
	if n, _ := kv.Incr("n"); n != 1 {
		t.Error(n)
	}
	if n, _ := kv.Incr("n", 5); n != 6 {
		t.Error(n)
	}
	if left, _ := kv.TTL("n"); left != sdk.NoTTL {
		t.Error(left)
	}
	if n, _ := kv.Exists("n", "b", "none"); n != 2 {
		t.Error(n)
	}
	if there, _ := kv.Expire("n", 0); !there {
		t.Error("expire of a key that is there")
	}
	if n, _ := kv.Delete("n", "b"); n != 1 {
		t.Error(n)
	}
}

func TestHashesAndLists(t *testing.T) {
	kv := New(Options{}).KV()
	if n, err := kv.HSet("h", map[string]any{"a": "1", "b": 2}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if all, _ := kv.HGetAll("h"); !reflect.DeepEqual(all, map[string]string{"a": "1", "b": "2"}) {
		t.Error(all)
	}
	if value, found, _ := kv.HGet("h", "a"); value != "1" || !found {
		t.Error(value, found)
	}
	if n, _ := kv.HDel("h", "a", "b", "c"); n != 2 {
		t.Error(n)
	}
	if n, _ := kv.RPush("l", "b", "c"); n != 2 {
		t.Error(n)
	}
	if n, _ := kv.LPush("l", "a"); n != 3 {
		t.Error(n)
	}
	var refused *sdk.GatewayError
	if _, _, err := kv.Get("l"); !errors.As(err, &refused) || refused.Code != "conflict" || refused.Status != 409 {
		t.Error(err)
	}
	first, _, _ := kv.LPop("l")
	last, _, _ := kv.RPop("l")
	if n, _ := kv.LLen("l"); first != "a" || last != "c" || n != 1 {
		t.Error(first, last, n)
	}
	for _, key := range []string{"user:1", "user:2", "other"} {
		_, _ = kv.Set(key, 1)
	}
	if keys, err := kv.Keys("user:*"); !reflect.DeepEqual(keys, []string{"user:1", "user:2"}) || err != nil {
		t.Error(keys, err)
	}
}

func TestGlobs(t *testing.T) {
	for pattern, texts := range map[string][2]string{
		"a*c":     {"abbc", "abbd"},
		"a?c":     {"aüc", "ac"},
		"[a-c]x":  {"bx", "dx"},
		"[^a-c]x": {"dx", "bx"},
		`\*`:      {"*", "a"},
		`\?`:      {"?", "a"},
		"*":       {"", ""},
	} {
		if !matches(pattern, texts[0]) || pattern != "*" && matches(pattern, texts[1]) {
			t.Error(pattern)
		}
	}
}

func TestStorage(t *testing.T) {
	platform := NewPlatform()
	storage := New(Options{Platform: platform}).Storage()
	object, err := storage.Put("out/a.txt", strings.NewReader("0123456789"), sdk.PutOptions{ContentType: "text/plain"})
	if err != nil || object.Size != 10 || object.Key != "out/a.txt" {
		t.Fatal(object, err)
	}
	for _, one := range []struct {
		part sdk.Range
		text string
	}{{sdk.Range{}, "0123456789"}, {sdk.Range{Start: 2, End: 5}, "234"}, {sdk.Range{Start: 7}, "789"}, {sdk.Range{End: 2}, "01"}, {sdk.Range{Start: 3, End: 3}, ""}} {
		reader, err := storage.Open("out/a.txt", one.part)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(reader); string(got) != one.text || err != nil {
			t.Error(one.part, string(got), err)
		}
	}
	head, err := storage.Head("out/a.txt")
	if err != nil || head == nil || head.Size != 10 || head.ContentType != "text/plain" || head.ETag == "" {
		t.Error(head, err)
	}
	if head, err := storage.Head("none"); head != nil || err != nil {
		t.Error(head, err)
	}
	if listed, err := storage.ListAll("out/"); len(listed) != 1 || listed[0].Key != "out/a.txt" || err != nil {
		t.Error(listed, err)
	}
	if url, err := storage.Presign("out/a.txt"); !strings.HasPrefix(url, "http") || err != nil {
		t.Error(url, err)
	}
	if data, there := platform.Object("out/a.txt"); string(data) != "0123456789" || !there {
		t.Error(data, there)
	}
	if err := storage.Delete("out/a.txt"); err != nil {
		t.Error(err)
	}
	var refused *sdk.GatewayError
	if _, err := storage.Get("out/a.txt"); !errors.As(err, &refused) || refused.Code != "not_found" {
		t.Error(err)
	}
	if _, err := storage.Put("../a", "x"); !errors.As(err, &refused) || refused.Code != "bad_request" {
		t.Error(err)
	}
	if _, err := storage.Put("a", 1); err == nil {
		t.Error("a number is no object")
	}
}

func TestPublish(t *testing.T) {
	platform := NewPlatform()
	ctx := New(Options{Platform: platform})
	id, err := ctx.Publish("mq.notify.support", map[string]any{"n": 1})
	own, ownErr := ctx.Publish("orders", "text", sdk.PublishOptions{ID: "own"})
	if err != nil || ownErr != nil || own != "own" {
		t.Fatal(err, ownErr, own)
	}
	wanted := []Message{{"mq.notify.support", id, map[string]any{"n": 1.0}}, {"orders", "own", "text"}}
	if got := platform.Published(); !reflect.DeepEqual(got, wanted) {
		t.Errorf("%+v", got)
	}
	for _, subject := range []string{"", "mq.", "mq.a.*", "mq.>", "mq.dlq.x", "Orders", "a.b", "mq..a"} {
		if _, err := ctx.Publish(subject, 1); err == nil {
			t.Errorf("%q was published to", subject)
		}
	}
}

type stub struct{ sdk.Model }

func (stub) Predict(any) (*sdk.Prediction, error) {
	return &sdk.Prediction{Label: "support", Score: 0.9}, nil
}

func TestModels(t *testing.T) {
	platform := NewPlatform()
	platform.SetModel("intent", stub{})
	ctx := New(Options{Platform: platform})
	model, err := ctx.Model("intent")
	if err != nil {
		t.Fatal(err)
	}
	if result, err := model.Predict("text"); err != nil || result.Label != "support" {
		t.Error(result, err)
	}
	var refused *sdk.GatewayError
	if _, err := ctx.Model("other"); !errors.As(err, &refused) || refused.Code != "not_found" {
		t.Error(err)
	}
}

func TestSockets(t *testing.T) {
	socket := &Socket{Messages: []sdk.Message{{Text: true, Data: []byte("a")}, {Data: []byte{1}}}}
	echo := func(ctx *sdk.Context) error {
		ws, err := ctx.Accept()
		if err != nil {
			return err
		}
		for {
			message, err := ws.Receive()
			if err == io.EOF {
				return ws.Close(4000, "done")
			}
			if err := ws.Send(message); err != nil {
				return err
			}
		}
	}
	if _, err := Call(echo, New(Options{Socket: socket})); err != nil {
		t.Fatal(err)
	}
	if code, reason := socket.Closed(); !reflect.DeepEqual(socket.Sent(), socket.Messages) || code != 4000 || reason != "done" {
		t.Error(socket.Sent(), code, reason)
	}
	if _, err := Call(echo, New(Options{})); err == nil {
		t.Error("a call that is no WebSocket was accepted")
	}
}
