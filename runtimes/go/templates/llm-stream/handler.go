// Package function is the source of {{name}}.
package function

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hanzoai/functions/sdk"
)

const pause = 30 * time.Millisecond

// Answer answers "prompt" piece by piece, as server-sent events; each goes out as soon as it is there.
func Answer(ctx *sdk.Context) *sdk.Response {
	prompt, _ := ctx.Data["prompt"].(string)
	if prompt == "" {
		return sdk.Error(400, errors.New("prompt is missing"))
	}
	return sdk.SSE(func(events *sdk.EventWriter) error {
		count := 0
		err := tokens(events.Context(), prompt, func(token string) error {
			count++
			return events.Send(map[string]any{"delta": token})
		})
		if err != nil {
			return err
		}
		return events.Send(sdk.ServerEvent{Event: "done", Data: map[string]any{"tokens": count}})
	})
}

// tokens is the place for a call of your model. The context ends when the caller goes away.
func tokens(ctx context.Context, prompt string, send func(token string) error) error {
	for _, word := range strings.Split("You asked: "+prompt, " ") {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if err := send(word + " "); err != nil {
			return err
		}
	}
	return nil
}
