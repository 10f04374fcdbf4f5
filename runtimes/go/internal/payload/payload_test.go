package payload

import (
	"errors"
	"reflect"
	"testing"

	sdk "github.com/hanzoai/functions/sdk"
)

func fill(body, contentType, query string, headers map[string]string) (*sdk.Context, error) {
	ctx := &sdk.Context{
		Body: []byte(body), Query: ParseQuery(query), Headers: sdk.NewHeaders(headers),
		Trigger: sdk.Trigger{Type: "http", Source: "/", Timestamp: "2026-01-01T00:00:00Z", Attempt: 2},
	}
	return ctx, Fill(ctx, contentType)
}

func TestDataOfEveryKindOfContent(t *testing.T) {
	for _, one := range []struct {
		body, contentType, query string
		value                    any
	}{
		{"", "", "", map[string]any{}},
		{"", "application/json", "a=1&b=x%20y&b=z&c=", map[string]any{"a": "1", "b": []any{"x y", "z"}, "c": ""}},
		{`{"a":[1,null]}`, "application/json; charset=utf-8", "", map[string]any{"a": []any{1.0, nil}}},
		{"null", "Application/JSON", "", nil},
		{"\uFEFF{}", "application/problem+json", "", map[string]any{}},
		{`{"a":1}`, "", "", map[string]any{"a": 1.0}},
		{"{a", "", "", map[string]any{"body": "{a"}},
		{"a=1", "application/x-www-form-urlencoded", "", map[string]any{"body": "a=1"}},
		{"\xff\x00", "application/octet-stream", "", map[string]any{"body": "/wA=", "encoding": "base64"}},
		{"\xff\x00", "", "", map[string]any{"body": "/wA=", "encoding": "base64"}},
	} {
		ctx, err := fill(one.body, one.contentType, one.query, nil)
		if err != nil || !reflect.DeepEqual(ctx.Value, one.value) {
			t.Errorf("%q as %q: %v %v", one.body, one.contentType, ctx.Value, err)
		}
		object, isObject := one.value.(map[string]any)
		if isObject && !reflect.DeepEqual(ctx.Data, object) || !isObject && ctx.Data != nil {
			t.Errorf("%q: Data is %v", one.body, ctx.Data)
		}
	}
}

func TestDeclaredJSONMustBeJSON(t *testing.T) {
	for _, body := range []string{"{", "NaN", "{'a': 1}", "\"\xff\"", "1 2", "Infinity", "[1,]", "\uFEFF\uFEFF1"} {
		for _, contentType := range []string{"application/json", "application/x+json", structuredType, eventBatchType, hanzoBatchType} {
			var refused *BadRequest
			if _, err := fill(body, contentType, "", nil); !errors.As(err, &refused) {
				t.Errorf("%q as %s: %v", body, contentType, err)
			}
		}
	}
}

func TestTargets(t *testing.T) {
	for target, wanted := range map[string][2]string{
		"/a%20b?x=1":         {"/a%20b", "x=1"},
		"/":                  {"/", ""},
		"http://h/a?b":       {"/a", "b"},
		"http://h?b":         {"/", "b"},
		"http://h":           {"/", ""},
		"*":                  {"*", ""},
		"?x":                 {"/", "x"},
		"/a?b?c":             {"/a", "b?c"},
		"//double/.hanzo/x?": {"//double/.hanzo/x", ""},
	} {
		if path, query := SplitTarget(target); path != wanted[0] || query != wanted[1] {
			t.Errorf("%q: %q %q", target, path, query)
		}
	}
}

func TestQueriesNeverFail(t *testing.T) {
	got := ParseQuery("a=1&&b=%zz&c%3D=%C3%BC+x&d&a=2;3&e=%ff&=v")
	wanted := map[string][]string{"a": {"1", "2;3"}, "b": {"%zz"}, "c=": {"ü x"}, "d": {""}, "e": {"\uFFFD"}, "": {"v"}}
	if !reflect.DeepEqual(map[string][]string(got), wanted) {
		t.Errorf("%v", got)
	}
}

func TestBinaryEvent(t *testing.T) {
	ctx, err := fill("hi", "text/plain", "", map[string]string{
		"ce-specversion": "1.0", "Ce-Id": "1", "ce-source": "/a%20b", "ce-type": "t", "ce-tenant": "x%25", "ce-": "no",
	})
	if err != nil || ctx.Event == nil || ctx.Data["body"] != "hi" {
		t.Fatal(ctx.Event, err)
	}
	wanted := map[string]any{
		"specversion": "1.0", "id": "1", "source": "/a b", "type": "t", "tenant": "x%", "datacontenttype": "text/plain",
	}
	if got := ctx.Event.Attributes(); !reflect.DeepEqual(got, wanted) {
		t.Errorf("%v", got)
	}
	if ctx, _ := fill("", "", "", map[string]string{"ce-specversion": "0.3", "ce-id": "1"}); ctx.Event != nil {
		t.Error("another version is no event")
	}
}

func TestBatchItemsDefaultToTheTrigger(t *testing.T) {
	ctx, err := fill(`{"items":[{"id":"a","data":1},{"id":"b","data":null,"source":"s","timestamp":"t","attempt":7,"headers":{"X-A":"1"}}]}`,
		hanzoBatchType, "", nil)
	if err != nil || len(ctx.Batch) != 2 || ctx.Data != nil {
		t.Fatal(ctx.Batch, err)
	}
	first, second := ctx.Batch[0], ctx.Batch[1]
	if first.Source != "/" || first.Timestamp != "2026-01-01T00:00:00Z" || first.Attempt != 2 || first.Data != 1.0 {
		t.Errorf("%+v", first)
	}
	if second.Source != "s" || second.Timestamp != "t" || second.Attempt != 7 || second.Data != nil || second.Headers.Get("x-a") != "1" {
		t.Errorf("%+v", second)
	}
}

func TestBatchesThatAreNone(t *testing.T) {
	for _, body := range []string{
		"{}", `{"items":{}}`, `{"items":null}`, `{"items":[{"id":"a"}]}`, `{"items":[{"data":1}]}`, `{"items":[{"id":"","data":1}]}`,
		`{"items":[{"id":"a","data":1},{"id":"a","data":1}]}`, `{"items":[{"id":1,"data":1}]}`, `[]`, `{"items":[1]}`,
		`{"items":[{"id":"a","data":1,"attempt":"x"}]}`, `{"items":[{"id":"a","data":1,"headers":[]}]}`,
	} {
		if ctx, err := fill(body, hanzoBatchType, "", nil); err == nil {
			t.Errorf("%s was taken: %v", body, ctx.Batch)
		}
	}
}

func FuzzFill(f *testing.F) {
	for _, contentType := range []string{"", "application/json", structuredType, eventBatchType, hanzoBatchType, "text/plain"} {
		f.Add(`{"items":[{"id":"a","data":1}]}`, contentType, "a=%41&b")
	}
	f.Fuzz(func(t *testing.T, body, contentType, query string) {
		ctx, err := fill(body, contentType, query, nil)
		var refused *BadRequest
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if err == nil && ctx.Data != nil && !reflect.DeepEqual(any(ctx.Data), ctx.Value) {
			t.Fatal("Data and Value differ")
		}
	})
}
