package function

import (
	"encoding/json"
	"testing"

	"github.com/hanzoai/functions/sdk/sdktest"
)

const order = `{"order": "o-1", "sku": "rye-bread", "quantity": 2}`

func deliver(t *testing.T, platform *sdktest.Platform, items string) map[string]string {
	t.Helper()
	ctx := sdktest.New(sdktest.Options{
		Body:        []byte(`{"items": [` + items + `]}`),
		ContentType: "application/vnd.hanzo.batch+json",
		Platform:    platform,
	})
	answer, err := sdktest.Call(Fulfil, ctx)
	if err != nil || answer.Status != 200 {
		t.Fatal(answer, err)
	}
	var said struct {
		Results []struct {
			ID    string
			Error struct{ Kind string }
		}
	}
	if err := json.Unmarshal(answer.Body, &said); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, result := range said.Results {
		kinds[result.ID] = result.Error.Kind
	}
	return kinds
}

func TestAMessageThatComesTwiceIsFulfilledOnce(t *testing.T) {
	platform := sdktest.NewPlatform()
	for range [2]int{} {
		if kinds := deliver(t, platform, `{"id": "mq:1", "data": `+order+`}`); kinds["mq:1"] != "" {
			t.Fatal(kinds)
		}
	}
	if sent := platform.Published(); len(sent) != 1 || sent[0].Subject != "mq.shipping.request" {
		t.Fatal(sent)
	}
}

func TestOnlyWhatFailedIsToldToComeAgain(t *testing.T) {
	platform := sdktest.NewPlatform()
	platform.SetKV("hold:salt", "recall")
	kinds := deliver(t, platform, `{"id": "mq:1", "data": `+order+`},
		{"id": "mq:2", "data": {"order": "o-2", "sku": "salt", "quantity": 1}},
		{"id": "mq:3", "data": {"order": 7}}`)
	if len(kinds) != 3 || kinds["mq:1"] != "" || kinds["mq:2"] != "transient" || kinds["mq:3"] != "permanent" {
		t.Fatal(kinds)
	}
}

func TestItRefusesWhatIsNoBatch(t *testing.T) {
	answer, err := sdktest.Call(Fulfil, sdktest.New(sdktest.Options{Body: []byte(order)}))
	if err != nil || answer.Status != 400 {
		t.Fatal(answer, err)
	}
}
