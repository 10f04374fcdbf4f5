// Package payload turns a request into what a Context holds: sections 3 and 8 of the runtime contract.
package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	sdk "github.com/hanzoai/functions/sdk"
)

// BadRequest is a body that is not what it declares.
type BadRequest struct{ Msg string }

func (e *BadRequest) Error() string { return e.Msg }

func bad(format string, args ...any) error { return &BadRequest{fmt.Sprintf(format, args...)} }

const (
	structuredType  = "application/cloudevents+json"
	eventBatchType  = "application/cloudevents-batch+json"
	hanzoBatchType  = "application/vnd.hanzo.batch+json"
	binaryVersion   = "ce-specversion"
	attributePrefix = "ce-"
)

// Fill sets Data, Value, Batch and Event from the body and the headers that the context already has.
func Fill(ctx *sdk.Context, contentType string) error {
	kind := mediaType(contentType)
	switch kind {
	case structuredType:
		return fillStructured(ctx)
	case eventBatchType:
		return fillEventBatch(ctx)
	case hanzoBatchType:
		return fillHanzoBatch(ctx)
	}
	FillEvent(ctx, contentType)
	value, err := ordinary(ctx.Body, kind, contentType != "")
	if err != nil {
		return err
	}
	if value == none {
		value = queryMap(ctx.Query)
	}
	set(ctx, value)
	return nil
}

// FillEvent sets Event from the headers of binary mode.
func FillEvent(ctx *sdk.Context, contentType string) {
	if ctx.Headers.Get(binaryVersion) == "1.0" {
		ctx.Event = binaryEvent(ctx.Headers, contentType)
	}
}

func set(ctx *sdk.Context, value any) {
	ctx.Value = value
	ctx.Data, _ = value.(map[string]any)
}

// none is the value of no body.
var none any = new(byte)

// ordinary is the value of a body by the rules of section 3.
func ordinary(body []byte, kind string, declared bool) (any, error) {
	if len(body) == 0 {
		return none, nil
	}
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	if isJSON || !declared || kind == "" {
		value, err := ParseJSON(body)
		if err == nil {
			return value, nil
		}
		if isJSON {
			return nil, bad("the body is declared %s but does not parse: %v", kind, err)
		}
	}
	if utf8.Valid(body) {
		return map[string]any{"body": string(body)}, nil
	}
	return map[string]any{"body": base64.StdEncoding.EncodeToString(body), "encoding": "base64"}, nil
}

// ParseJSON parses strictly: UTF-8 and nothing but JSON, a byte order mark before it aside.
func ParseJSON(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("it is not UTF-8")
	}
	var value any
	err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\uFEFF")), &value)
	return value, err
}

func mediaType(contentType string) string {
	if contentType == "application/json" {
		return contentType
	}
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

func queryMap(query url.Values) map[string]any {
	all := make(map[string]any, len(query))
	for name, values := range query {
		if len(values) == 1 {
			all[name] = values[0]
			continue
		}
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = value
		}
		all[name] = list
	}
	return all
}

// SplitTarget is the path and the query of a request target, as sent; the absolute form loses its authority.
func SplitTarget(target string) (path, query string) {
	if target[0] != '/' {
		if _, rest, absolute := strings.Cut(target, "://"); absolute {
			at := strings.IndexAny(rest, "/?")
			if at < 0 {
				at = len(rest)
			}
			target = rest[at:]
		}
	}
	path, query, _ = strings.Cut(target, "?")
	if path == "" {
		path = "/"
	}
	return path, query
}

// ParseQuery never fails: what is no percent-encoding stays as it is.
func ParseQuery(query string) url.Values {
	if query == "" {
		return nil
	}
	values := url.Values{}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = Unescape(name, true), Unescape(value, true)
		values[name] = append(values[name], value)
	}
	return values
}

// Unescape decodes percent-encoding, and + as a blank where plus says so. The result is valid UTF-8.
func Unescape(text string, plus bool) string {
	if strings.IndexByte(text, '%') < 0 && !(plus && strings.IndexByte(text, '+') >= 0) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' && i+2 < len(text) {
			high, low := unhex(text[i+1]), unhex(text[i+2])
			if high >= 0 && low >= 0 {
				out = append(out, byte(high<<4|low))
				i += 2
				continue
			}
		}
		if c == '+' && plus {
			c = ' '
		}
		out = append(out, c)
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
