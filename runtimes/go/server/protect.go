package server

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/hanzoai/functions/sdk/internal/reply"
)

// handlerPanic is what a handler panicked with, and where.
type handlerPanic struct {
	name  string
	trace string
}

func (e *handlerPanic) Error() string { return "panic: " + e.name }

// invoke calls the handler and makes an answer of what it returns.
func (call *call) invoke(body io.Reader, exited *bool) (answer *reply.Reply, err error) {
	var value any
	err = protect(func() (err error) {
		value, err = call.server.invoke(&call.ctx, body)
		return err
	}, exited)
	if err != nil || call.socket != nil {
		return nil, err
	}
	// A value's own MarshalJSON may panic as well.
	*exited = true
	err = protect(func() (err error) {
		answer, err = reply.Of(value, call.ctx.Function, newUUID)
		return err
	}, exited)
	return answer, err
}

// protect turns a panic into an error. exited stays true where the goroutine is ended instead.
func protect(run func() error, exited *bool) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if value := recover(); value != nil {
			*exited = false
			err = &handlerPanic{name: panicName(value), trace: panicTrace(value)}
		}
	}()
	err = run()
	returned = true
	*exited = false
	return err
}

func panicName(value any) string {
	if _, isRuntime := value.(runtime.Error); isRuntime {
		return "RuntimeError"
	}
	return reply.NameOf(value)
}

const ownFrames = "github.com/hanzoai/functions/sdk/server."

// panicTrace names the value and the frames of the user's code, the innermost first.
func panicTrace(value any) string {
	var trace strings.Builder
	if err, isError := value.(error); isError {
		fmt.Fprintf(&trace, "panic: %T: %v\n", value, err)
	} else {
		fmt.Fprintf(&trace, "panic: %v\n", value)
	}
	counters := make([]uintptr, 64)
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters)])
	panicked := false
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			panicked = true
		case strings.HasPrefix(frame.Function, ownFrames):
			if panicked {
				return strings.TrimSuffix(trace.String(), "\n")
			}
		case panicked:
			fmt.Fprintf(&trace, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return strings.TrimSuffix(trace.String(), "\n")
		}
	}
}
