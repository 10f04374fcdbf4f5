// Package function is the source of {{name}}.
package function

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hanzoai/functions/sdk"
)

const kept = 30 * 24 * time.Hour

// Report writes the report of a scheduled time, once however often it is run.
func Report(ctx *sdk.Context) (*sdk.Response, error) {
	regions, ok := ctx.Data["regions"].([]any)
	if !ok {
		return sdk.Error(400, errors.New("the payload has no regions")), nil
	}
	orders := map[string]int{}
	for _, region := range regions {
		count, err := ordersOf(ctx, fmt.Sprint(region))
		if err != nil {
			return nil, err
		}
		orders[fmt.Sprint(region)] = count
	}
	// When the run was due, not when it runs: later attempts and runs that are made up for have the same name.
	due := ctx.Trigger.Timestamp
	isNew, err := ctx.KV().Set("report:"+due, orders, sdk.SetOptions{TTL: kept, NX: true})
	if err != nil {
		return nil, err
	}
	message := "report was there"
	if isNew {
		message = "report written"
	}
	ctx.Log.Info(message, "due", due, "orders", orders)
	return sdk.OK(map[string]any{"due": due, "new": isNew}), nil
}

func ordersOf(ctx *sdk.Context, region string) (int, error) {
	text, there, err := ctx.KV().Get("orders:" + region)
	if err != nil || !there {
		return 0, err
	}
	return strconv.Atoi(text)
}
