package function

import (
	"testing"

	"github.com/hanzoai/functions/sdk/sdktest"
)

func use(t *testing.T, platform *sdktest.Platform, id string, tokens int) string {
	t.Helper()
	t.Setenv("TOKEN_LIMIT", "5000")
	answer, err := sdktest.Call(Watch, sdktest.New(sdktest.Options{
		Data: map[string]any{
			"id":        id,
			"timestamp": "2026-03-01T10:00:00.000Z",
			"data":      map[string]any{"model": "zen-7b", "total_tokens": tokens},
		},
		Platform: platform,
	}))
	if err != nil || answer.Status != 200 {
		t.Fatal(answer, err)
	}
	return answer.Text()
}

func TestItAddsUpEachEventOnce(t *testing.T) {
	platform := sdktest.NewPlatform()
	use(t, platform, "evt_1", 1200)
	use(t, platform, "evt_1", 1200)
	if got := use(t, platform, "evt_2", 1200); got != `{"model":"zen-7b","total":2400}` {
		t.Fatal(got)
	}
	if sent := platform.Published(); len(sent) != 0 {
		t.Fatal(sent)
	}
}

func TestItAlertsOnceOverTheLimit(t *testing.T) {
	platform := sdktest.NewPlatform()
	for _, id := range []string{"evt_1", "evt_2", "evt_3"} {
		use(t, platform, id, 3000)
	}
	sent := platform.Published()
	if len(sent) != 1 || sent[0].Subject != "mq.alerts.tokens" || sent[0].Data.(map[string]any)["total"] != 6000.0 {
		t.Fatal(sent)
	}
}
