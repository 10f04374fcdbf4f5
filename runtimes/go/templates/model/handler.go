// Package function is the source of {{name}}.
package function

import (
	"errors"
	"os"

	"github.com/hanzoai/functions/sdk"
)

// Embed answers the embedding of "text".
func Embed(ctx *sdk.Context) (*sdk.Response, error) {
	text, _ := ctx.Data["text"].(string)
	if text == "" {
		return sdk.Error(400, errors.New("text is missing")), nil
	}
	// Loaded once for each instance; later calls find it.
	model, err := ctx.Model(os.Getenv("MODEL_NAME"))
	if err != nil {
		return nil, err
	}
	embeddings, err := model.Encode(text)
	if err != nil {
		return nil, err
	}
	embedding := embeddings[0]
	ctx.Log.Info("embedded", "model", model.Name(), "dimensions", len(embedding))
	return sdk.OK(map[string]any{"embedding": embedding, "dimensions": len(embedding)}), nil
}
