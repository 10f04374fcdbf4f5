package server

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/reply"
)

// report writes what went wrong in the handler to the log.
func (call *call) report(err, cancelled error) {
	if err == nil || cancelled != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return
	}
	var unserialisable *sdk.UnserialisableError
	var badAnswer *reply.BadAnswer
	var panicked *handlerPanic
	switch {
	case errors.As(err, &panicked):
		call.write(panicked.trace, map[string]any{"error": panicked.name})
	case errors.As(err, &unserialisable):
		call.log(fmt.Sprintf("the handler returned what JSON cannot hold: %v", unserialisable.Reason))
	case errors.As(err, &badAnswer):
		call.log(badAnswer.Msg)
	default:
		call.write(err.Error(), map[string]any{"error": reply.NameOf(err)})
	}
}

// failure is the code and the message for the caller, without the detail.
func failure(err error) (code, msg string) {
	var unserialisable *sdk.UnserialisableError
	var badAnswer *reply.BadAnswer
	var panicked *handlerPanic
	switch {
	case errors.As(err, &panicked):
		return "handler_error", "the handler raised " + panicked.name
	case errors.As(err, &unserialisable):
		return "unserialisable", "the handler returned a value that JSON cannot hold"
	case errors.As(err, &badAnswer):
		return "handler_error", "the handler returned a Response that cannot be sent: " + badAnswer.Msg
	}
	return "handler_error", "the handler raised " + reply.NameOf(err)
}
