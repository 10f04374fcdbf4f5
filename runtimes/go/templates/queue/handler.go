// Package function is the source of {{name}}.
package function

import (
	"errors"
	"time"

	"github.com/hanzoai/functions/sdk"
)

// remembered is longer than a message can come again.
const remembered = 7 * 24 * time.Hour

// Fulfil takes a batch of orders and says what became of each. An error, as where the broker is away, fails the whole
// batch: it comes again, and what is done is skipped.
func Fulfil(ctx *sdk.Context) (*sdk.Response, error) {
	if ctx.Batch == nil {
		return sdk.Error(400, errors.New("orders come in batches")), nil
	}
	results := make([]sdk.BatchResult, len(ctx.Batch))
	for i, item := range ctx.Batch {
		failure, err := fulfil(ctx, item)
		if err != nil {
			return nil, err
		}
		results[i] = sdk.BatchResult{ID: item.ID, Error: failure}
	}
	return sdk.Batch(results), nil
}

func fulfil(ctx *sdk.Context, item sdk.BatchItem) (*sdk.BatchError, error) {
	order, _ := item.Data.(map[string]any)
	number, hasNumber := order["order"].(string)
	sku, hasSKU := order["sku"].(string)
	if _, hasQuantity := order["quantity"].(float64); !hasNumber || !hasSKU || !hasQuantity {
		ctx.Log.Warn("order refused", "id", item.ID)
		// It would fail again: a dead letter at once.
		return &sdk.BatchError{Kind: "permanent", Message: "an order has the texts order and sku, and a quantity"}, nil
	}
	if held, err := ctx.KV().Exists("hold:" + sku); err != nil {
		return nil, err
	} else if held > 0 {
		// It comes again, later each time, until its attempts are spent.
		return &sdk.BatchError{Kind: "transient", Message: sku + " is on hold"}, nil
	}
	done := "done:" + item.ID
	if there, err := ctx.KV().Exists(done); err != nil || there > 0 {
		return nil, err
	}
	// Should this call end before the next write, the broker drops what the next attempt sends, by its id.
	if _, err := ctx.Publish("mq.shipping.request", order, sdk.PublishOptions{ID: "ship:" + item.ID}); err != nil {
		return nil, err
	}
	if _, err := ctx.KV().Set(done, number, sdk.SetOptions{TTL: remembered}); err != nil {
		return nil, err
	}
	ctx.Log.Info("order fulfilled", "order", number, "attempt", item.Attempt)
	return nil, nil
}
