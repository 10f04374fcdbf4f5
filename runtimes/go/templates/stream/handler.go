// Package function is the source of {{name}}.
package function

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hanzoai/functions/sdk"
)

type count struct {
	Views int64 `json:"views"`
	// Offset of the last event that is counted.
	Offset int64 `json:"offset"`
}

// Aggregate adds a batch of events to the counts in the key-value store.
func Aggregate(ctx *sdk.Context) (*sdk.Response, error) {
	if ctx.Batch == nil {
		return sdk.Error(400, errors.New("events come in batches")), nil
	}
	counts := map[string]*count{}
	for _, item := range ctx.Batch {
		page, ok := pageOf(item.Data)
		if !ok {
			// Failing would hold up its partition, and it would be no better the next time.
			ctx.Log.Warn("event without a page", "id", item.ID)
			continue
		}
		partition, offset, err := position(item.ID)
		if err != nil {
			return nil, err
		}
		// Partitions are counted at the same time, so each has counts of its own.
		key := "views:" + page + ":" + partition
		if counts[key] == nil {
			counts[key] = &count{Offset: -1}
			if _, err := ctx.KV().GetJSON(key, counts[key]); err != nil {
				return nil, err
			}
		}
		counts[key].add(offset)
	}
	for key, count := range counts {
		// Count and offset in one value: there is no moment at which only one of them is stored.
		if _, err := ctx.KV().Set(key, count); err != nil {
			return nil, err
		}
	}
	ctx.Log.Info("views counted", "events", len(ctx.Batch), "counts", len(counts))
	return sdk.OK(map[string]any{"counts": counts}), nil
}

// add counts an event. Offsets of a partition ascend: what is not beyond the last one has been counted.
func (c *count) add(offset int64) {
	if offset > c.Offset {
		c.Views++
		c.Offset = offset
	}
}

// position reads the end of an event's id: kafka:<topic>:<partition>:<offset>.
func position(id string) (partition string, offset int64, err error) {
	parts := strings.Split(id, ":")
	if len(parts) < 2 {
		return "", 0, fmt.Errorf("%q is no id of an event of a stream", id)
	}
	offset, err = strconv.ParseInt(parts[len(parts)-1], 10, 64)
	return parts[len(parts)-2], offset, err
}

// pageOf looks into the envelope hanzo.stream.v1.
func pageOf(event any) (string, bool) {
	envelope, _ := event.(map[string]any)
	data, _ := envelope["data"].(map[string]any)
	page, ok := data["page"].(string)
	return page, ok
}
