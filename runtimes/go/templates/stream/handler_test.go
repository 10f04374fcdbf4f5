package function

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hanzoai/functions/sdk/sdktest"
)

func view(partition, offset int, page string) string {
	return fmt.Sprintf(`{"id": "kafka:page_views:%d:%d", "data": {"data": {"page": %q}}}`, partition, offset, page)
}

func deliver(t *testing.T, platform *sdktest.Platform, items ...string) {
	t.Helper()
	ctx := sdktest.New(sdktest.Options{
		Body:        []byte(`{"items": [` + strings.Join(items, ",") + `]}`),
		ContentType: "application/vnd.hanzo.batch+json",
		Platform:    platform,
	})
	if answer, err := sdktest.Call(Aggregate, ctx); err != nil || answer.Status != 200 {
		t.Fatal(answer, err)
	}
}

func expect(t *testing.T, platform *sdktest.Platform, key, wanted string) {
	t.Helper()
	if got, _ := platform.KV(key); got != wanted {
		t.Fatal(key, got)
	}
}

func TestItCountsByPageAndPartition(t *testing.T) {
	platform := sdktest.NewPlatform()
	deliver(t, platform, view(0, 7, "/bread"), view(0, 8, "/bread"), view(1, 3, "/bread"))
	expect(t, platform, "views:/bread:0", `{"views":2,"offset":8}`)
	expect(t, platform, "views:/bread:1", `{"views":1,"offset":3}`)
}

func TestAnEventThatComesAgainIsNotCountedAgain(t *testing.T) {
	platform := sdktest.NewPlatform()
	deliver(t, platform, view(0, 7, "/bread"))
	deliver(t, platform, view(0, 7, "/bread"), view(0, 8, "/bread"))
	expect(t, platform, "views:/bread:0", `{"views":2,"offset":8}`)
}

func TestAnEventWithoutAPageIsPassedOver(t *testing.T) {
	platform := sdktest.NewPlatform()
	deliver(t, platform, `{"id": "kafka:page_views:0:1", "data": "noise"}`, view(0, 2, "/salt"))
	expect(t, platform, "views:/salt:0", `{"views":1,"offset":2}`)
}
