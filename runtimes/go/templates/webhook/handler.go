// Package function is the source of {{name}}.
package function

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"

	"github.com/hanzoai/functions/sdk"
)

// Receive takes bodies whose HMAC-SHA256 stands in X-Signature: sha256=<hex>; it answers 401 to others.
func Receive(ctx *sdk.Context) *sdk.Response {
	if !isSigned(ctx.Body, ctx.Headers.Get("X-Signature")) {
		return sdk.Error(401, errors.New("the signature does not fit"))
	}
	kind, ok := ctx.Data["type"].(string)
	if !ok {
		return sdk.Error(400, errors.New("the event has no type"))
	}
	ctx.Log.Info("event received", "type", kind)
	return sdk.OK(map[string]any{"received": kind})
}

func isSigned(body []byte, signature string) bool {
	secret := os.Getenv("WEBHOOK_SECRET")
	if secret == "" {
		return false
	}
	code := hmac.New(sha256.New, []byte(secret))
	code.Write(body)
	wanted := "sha256=" + hex.EncodeToString(code.Sum(nil))
	// In constant time: how long a comparison takes must not tell how much of a guess is right.
	return hmac.Equal([]byte(wanted), []byte(signature))
}
