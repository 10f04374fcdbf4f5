// Package function is the source of {{name}}.
package function

import (
	"os"
	"strconv"
	"time"

	"github.com/hanzoai/functions/sdk"
)

// kept is longer than an event can come again.
const kept = 7 * 24 * time.Hour

// usageEvent is what is read of a usage event of the language models' gateway (hanzo.stream.v1).
type usageEvent struct {
	ID        string
	Timestamp time.Time
	Data      struct {
		Model       string
		TotalTokens int64 `json:"total_tokens"`
	}
}

// Watch takes one usage event.
func Watch(ctx *sdk.Context) (*sdk.Response, error) {
	limit, err := strconv.ParseInt(os.Getenv("TOKEN_LIMIT"), 10, 64)
	if err != nil {
		return nil, err
	}
	var event usageEvent
	if err := ctx.Decode(&event); err != nil {
		return sdk.Error(400, err), nil
	}
	model, day := event.Data.Model, event.Timestamp.UTC().Format(time.DateOnly)
	total, err := tally(ctx, "tokens:"+model+":"+day, event)
	if err != nil {
		return nil, err
	}
	ctx.Log.Info("tokens counted", "model", model, "day", day, "total", total)
	if total >= limit {
		if err := alert(ctx, model, day, total); err != nil {
			return nil, err
		}
	}
	return sdk.OK(map[string]any{"model": model, "total": total}), nil
}

// tally gives the sum, with this event in it once. A crash between the two writes is the one moment that counts it twice.
func tally(ctx *sdk.Context, key string, event usageEvent) (int64, error) {
	seen := "seen:" + event.ID
	if there, err := ctx.KV().Exists(seen); err != nil {
		return 0, err
	} else if there > 0 {
		return ctx.KV().Incr(key, 0)
	}
	total, err := ctx.KV().Incr(key, event.Data.TotalTokens)
	if err != nil {
		return 0, err
	}
	if _, err := ctx.KV().Set(seen, "1", sdk.SetOptions{TTL: kept}); err != nil {
		return 0, err
	}
	_, err = ctx.KV().Expire(key, kept)
	return total, err
}

// alert publishes once for each model and day.
func alert(ctx *sdk.Context, model, day string, total int64) error {
	alerted := "alerted:" + model + ":" + day
	if there, err := ctx.KV().Exists(alerted); err != nil || there > 0 {
		return err
	}
	found := map[string]any{"model": model, "day": day, "total": total}
	if _, err := ctx.Publish("mq.alerts.tokens", found, sdk.PublishOptions{ID: alerted}); err != nil {
		return err
	}
	if _, err := ctx.KV().Set(alerted, "1", sdk.SetOptions{TTL: kept}); err != nil {
		return err
	}
	ctx.Log.Warn("limit reached", "model", model, "total", total)
	return nil
}
