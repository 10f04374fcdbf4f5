package function

import (
	"strings"
	"testing"

	"github.com/hanzoai/functions/sdk/sdktest"
)

func TestItGreetsByName(t *testing.T) {
	ctx := sdktest.New(sdktest.Options{Data: map[string]any{"name": "Ada"}})
	answer, err := sdktest.Call(Hello, ctx)
	if err != nil || answer.Status != 200 || !strings.Contains(answer.Text(), ", Ada!") {
		t.Fatal(answer, err)
	}
}

func TestItGreetsTheWorldWithoutAName(t *testing.T) {
	answer, err := sdktest.Call(Hello, sdktest.New(sdktest.Options{}))
	if err != nil || !strings.Contains(answer.Text(), ", world!") {
		t.Fatal(answer, err)
	}
}
