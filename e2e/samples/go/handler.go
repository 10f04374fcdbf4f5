package main

import (
	"github.com/hanzoai/functions/sdk"
)

func Classify(ctx *sdk.Context) *sdk.Response {
	text := ctx.Data["text"].(string)

	model, err := ctx.Model("distilbert-intent")
	if err != nil {
		return sdk.Error(500, err)
	}

	result, err := model.Predict(text)
	if err != nil {
		return sdk.Error(500, err)
	}

	return sdk.OK(map[string]interface{}{
		"label":      result.Label,
		"confidence": result.Score,
	})
}
