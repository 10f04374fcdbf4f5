// Package function is the source of {{name}}.
package function

import (
	"cmp"
	"fmt"
	"os"

	"github.com/hanzoai/functions/sdk"
)

// Hello greets whoever the payload names.
func Hello(ctx *sdk.Context) *sdk.Response {
	name, _ := ctx.Data["name"].(string)
	name = cmp.Or(name, "world")
	ctx.Log.Info("greeting", "name", name)
	greeting := cmp.Or(os.Getenv("GREETING"), "Hello")
	return sdk.OK(map[string]any{"message": fmt.Sprintf("%s, %s!", greeting, name)})
}
