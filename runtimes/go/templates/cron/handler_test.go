package function

import (
	"testing"

	"github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/sdktest"
)

const (
	due = "2026-03-01T05:00:00.000Z"
	key = "report:" + due
)

func fire(t *testing.T, platform *sdktest.Platform, wanted string) {
	t.Helper()
	answer, err := sdktest.Call(Report, sdktest.New(sdktest.Options{
		Data:     map[string]any{"regions": []any{"eu", "us"}},
		Trigger:  sdk.Trigger{Type: "cron", Source: "0 6 * * *", Timestamp: due},
		Platform: platform,
	}))
	if err != nil || answer.Text() != wanted {
		t.Fatal(answer, err)
	}
}

func TestItReportsTheOrdersOfEachRegion(t *testing.T) {
	platform := sdktest.NewPlatform()
	platform.SetKV("orders:eu", "3")
	fire(t, platform, `{"due":"`+due+`","new":true}`)
	if report, _ := platform.KV(key); report != `{"eu":3,"us":0}` {
		t.Fatal(report)
	}
}

func TestARunThatIsTriedAgainLeavesTheReportAsItIs(t *testing.T) {
	platform := sdktest.NewPlatform()
	platform.SetKV(key, "written before")
	fire(t, platform, `{"due":"`+due+`","new":false}`)
	if report, _ := platform.KV(key); report != "written before" {
		t.Fatal(report)
	}
}

func TestItAsksForRegions(t *testing.T) {
	answer, err := sdktest.Call(Report, sdktest.New(sdktest.Options{Data: map[string]any{}}))
	if err != nil || answer.Status != 400 {
		t.Fatal(answer, err)
	}
}
