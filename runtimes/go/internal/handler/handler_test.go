package handler

import (
	"errors"
	"io"
	"strings"
	"testing"

	sdk "github.com/hanzoai/functions/sdk"
)

var errOwn = errors.New("own")

func TestEveryShapeOfAHandler(t *testing.T) {
	response := sdk.Text("x")
	for _, one := range []struct {
		handler any
		streams bool
		value   any
		err     error
	}{
		{func(*sdk.Context) *sdk.Response { return response }, false, response, nil},
		{func(*sdk.Context) (*sdk.Response, error) { return nil, errOwn }, false, nil, errOwn},
		{func(*sdk.Context) (any, error) { return 1, nil }, false, 1, nil},
		{func(*sdk.Context) error { return errOwn }, false, nil, errOwn},
		{func(*sdk.Context) error { return nil }, false, nil, nil},
		{func(*sdk.Context) {}, false, nil, nil},
		{func(*sdk.Context) string { return "x" }, false, "x", nil},
		{func(*sdk.Context) (int, error) { return 1, nil }, false, 1, nil},
		{func(_ *sdk.Context, body io.Reader) (any, error) {
			all, err := io.ReadAll(body)
			return string(all), err
		}, true, "the body", nil},
		{func(*sdk.Context, io.Reader) error { return errOwn }, true, nil, errOwn},
	} {
		invoke, streams, err := Adapt(one.handler)
		if err != nil || streams != one.streams {
			t.Errorf("%T: %v", one.handler, err)
			continue
		}
		value, err := invoke(&sdk.Context{}, strings.NewReader("the body"))
		if err != one.err || one.err == nil && value != one.value {
			t.Errorf("%T: %v %v", one.handler, value, err)
		}
	}
}

func TestWhatIsNoHandler(t *testing.T) {
	var none func(*sdk.Context)
	for _, handler := range []any{
		nil, 1, none, func() {}, func(sdk.Context) {}, func(*sdk.Context, string) {}, func(*sdk.Context) (int, int) { return 1, 1 },
		func(...*sdk.Context) {}, func(*sdk.Context) (int, int, error) { return 1, 1, nil }, func(*sdk.Context, io.Reader, int) {},
	} {
		if _, _, err := Adapt(handler); err == nil || !strings.HasPrefix(err.Error(), "entry_invalid: ") {
			t.Errorf("%T: %v", handler, err)
		}
	}
}
