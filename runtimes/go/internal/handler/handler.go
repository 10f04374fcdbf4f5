// Package handler brings every shape of a handler into one.
package handler

import (
	"fmt"
	"io"
	"reflect"

	sdk "github.com/hanzoai/functions/sdk"
)

// Invoke calls the user's handler; body is nil for one that does not take it.
type Invoke func(ctx *sdk.Context, body io.Reader) (any, error)

// Adapt brings every shape of a handler into one; streams says that it takes the body as a stream.
func Adapt(handler any) (invoke Invoke, streams bool, err error) {
	value := reflect.ValueOf(handler)
	if !value.IsValid() || value.Kind() != reflect.Func || value.IsNil() {
		return nil, false, fmt.Errorf("entry_invalid: the handler is no function but %T", handler)
	}
	switch handler := handler.(type) {
	case func(*sdk.Context) *sdk.Response:
		return func(ctx *sdk.Context, _ io.Reader) (any, error) { return handler(ctx), nil }, false, nil
	case func(*sdk.Context) (*sdk.Response, error):
		return func(ctx *sdk.Context, _ io.Reader) (any, error) { return handler(ctx) }, false, nil
	case func(*sdk.Context) (any, error):
		return func(ctx *sdk.Context, _ io.Reader) (any, error) { return handler(ctx) }, false, nil
	case func(*sdk.Context) error:
		return func(ctx *sdk.Context, _ io.Reader) (any, error) { return nil, handler(ctx) }, false, nil
	case func(*sdk.Context):
		return func(ctx *sdk.Context, _ io.Reader) (any, error) { handler(ctx); return nil, nil }, false, nil
	}
	return adaptOther(value)
}

var (
	contextType = reflect.TypeOf((*sdk.Context)(nil))
	readerType  = reflect.TypeOf((*io.Reader)(nil)).Elem()
	errorType   = reflect.TypeOf((*error)(nil)).Elem()
)

// adaptOther takes results of any type, and the body.
func adaptOther(value reflect.Value) (Invoke, bool, error) {
	kind := value.Type()
	streams := kind.NumIn() == 2
	fits := !kind.IsVariadic() && (kind.NumIn() == 1 || streams) && kind.In(0) == contextType &&
		(!streams || kind.In(1) == readerType) &&
		(kind.NumOut() < 2 || kind.NumOut() == 2 && kind.Out(1) == errorType)
	if !fits {
		return nil, false, fmt.Errorf("entry_invalid: a handler is func(*sdk.Context) or func(*sdk.Context, io.Reader), "+
			"returning *sdk.Response, (*sdk.Response, error), (any, error), error or nothing; this one is %v", kind)
	}
	return func(ctx *sdk.Context, body io.Reader) (any, error) {
		given := []reflect.Value{reflect.ValueOf(ctx)}
		if streams {
			given = append(given, reflect.ValueOf(&body).Elem())
		}
		return results(value.Call(given))
	}, streams, nil
}

func results(returned []reflect.Value) (any, error) {
	if len(returned) == 0 {
		return nil, nil
	}
	last := returned[len(returned)-1]
	if last.Type() == errorType {
		if err, failed := last.Interface().(error); failed || len(returned) == 1 {
			return nil, err
		}
	}
	return returned[0].Interface(), nil
}
