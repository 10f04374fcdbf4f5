package function

import (
	"testing"

	"github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/sdktest"
)

// fakeModel stands in for the model: no file is read.
type fakeModel struct{ sdk.Model }

func (fakeModel) Name() string { return "test-model" }

func (fakeModel) Encode(texts ...string) ([][]float32, error) {
	return [][]float32{{float32(len(texts[0])), 0.5}}, nil
}

func TestItAnswersTheEmbeddingOfTheText(t *testing.T) {
	t.Setenv("MODEL_NAME", "test-model")
	platform := sdktest.NewPlatform()
	platform.SetModel("test-model", fakeModel{})
	ctx := sdktest.New(sdktest.Options{Data: map[string]any{"text": "bread"}, Platform: platform})
	answer, err := sdktest.Call(Embed, ctx)
	if err != nil || answer.Status != 200 || answer.Text() != `{"dimensions":2,"embedding":[5,0.5]}` {
		t.Fatal(answer, err)
	}
}

func TestItAsksForAText(t *testing.T) {
	answer, err := sdktest.Call(Embed, sdktest.New(sdktest.Options{Data: map[string]any{}}))
	if err != nil || answer.Status != 400 {
		t.Fatal(answer, err)
	}
}
