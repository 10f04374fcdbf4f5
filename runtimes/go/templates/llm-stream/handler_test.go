package function

import (
	"strings"
	"testing"

	"github.com/hanzoai/functions/sdk/sdktest"
)

func TestItStreamsOneEventATokenAndSaysWhenItIsDone(t *testing.T) {
	ctx := sdktest.New(sdktest.Options{Data: map[string]any{"prompt": "two words"}})
	answer, err := sdktest.Call(Answer, ctx)
	if err != nil || answer.Status != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(answer, err)
	}
	if len(answer.Pieces) != 5 || !strings.HasPrefix(string(answer.Pieces[4]), "event: done\n") {
		t.Fatal(answer.Text())
	}
}

func TestItAsksForAPrompt(t *testing.T) {
	answer, err := sdktest.Call(Answer, sdktest.New(sdktest.Options{Data: map[string]any{}}))
	if err != nil || answer.Status != 400 {
		t.Fatal(answer, err)
	}
}
