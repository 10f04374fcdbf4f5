package reply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// MaxPiece is the size of the pieces that a reader is sent in.
const MaxPiece = 64 * 1024

// A walk hands every piece to send until the end, an error, or the end of the context.
type walk func(ctx context.Context, send func(any) error) error

func isSource(value any) bool {
	if _, isReader := value.(io.Reader); isReader {
		return true
	}
	kind := reflect.TypeOf(value)
	return kind.Kind() == reflect.Chan || isIterator(kind)
}

// isIterator: func(yield func(T) bool) or func(yield func(T, error) bool).
func isIterator(kind reflect.Type) bool {
	if kind.Kind() != reflect.Func || kind.NumIn() != 1 || kind.NumOut() != 0 {
		return false
	}
	yield := kind.In(0)
	if yield.Kind() != reflect.Func || yield.NumOut() != 1 || yield.Out(0).Kind() != reflect.Bool {
		return false
	}
	return yield.NumIn() == 1 || yield.NumIn() == 2 && yield.In(1) == reflect.TypeOf((*error)(nil)).Elem()
}

// iterate gives the walk over a source, and what frees it where nobody walks.
func iterate(source any) (walk, func(), error) {
	if reader, isReader := source.(io.Reader); isReader {
		free := func() {
			if closer, closes := source.(io.Closer); closes {
				_ = closer.Close()
			}
		}
		return func(ctx context.Context, send func(any) error) error {
			defer free()
			return walkReader(reader, send)
		}, free, nil
	}
	value := reflect.ValueOf(source)
	if !value.IsValid() {
		return nil, nil, &BadAnswer{"a stream needs something to read from, not nil"}
	}
	switch {
	case value.Kind() == reflect.Chan && value.Type().ChanDir()&reflect.RecvDir != 0:
		return func(ctx context.Context, send func(any) error) error { return walkChannel(ctx, value, send) }, nil, nil
	case value.Kind() == reflect.Slice:
		return func(_ context.Context, send func(any) error) error {
			for i := 0; i < value.Len(); i++ {
				if err := send(value.Index(i).Interface()); err != nil {
					return err
				}
			}
			return nil
		}, nil, nil
	case isIterator(value.Type()):
		return func(_ context.Context, send func(any) error) error { return walkIterator(value, send) }, nil, nil
	}
	return nil, nil, &BadAnswer{fmt.Sprintf("a stream needs a reader, a channel, an iterator or a slice, not %T", source)}
}

func walkReader(reader io.Reader, send func(any) error) error {
	buffer := make([]byte, MaxPiece)
	for {
		n, err := reader.Read(buffer)
		if n > 0 {
			if err := send(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func walkChannel(ctx context.Context, channel reflect.Value, send func(any) error) error {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: channel},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
	}
	for {
		chosen, piece, open := reflect.Select(cases)
		if chosen == 1 {
			return ctx.Err()
		}
		if !open {
			return nil
		}
		if err := sendPiece(piece.Interface(), send); err != nil {
			return err
		}
	}
}

func walkIterator(iterator reflect.Value, send func(any) error) (failed error) {
	yield := reflect.MakeFunc(iterator.Type().In(0), func(given []reflect.Value) []reflect.Value {
		if len(given) == 2 && !given[1].IsNil() {
			failed = given[1].Interface().(error)
		} else {
			failed = sendPiece(given[0].Interface(), send)
		}
		return []reflect.Value{reflect.ValueOf(failed == nil)}
	})
	iterator.Call([]reflect.Value{yield})
	return failed
}

// An error among the pieces is the end of the stream.
func sendPiece(piece any, send func(any) error) error {
	if err, isError := piece.(error); isError {
		return err
	}
	return send(piece)
}
