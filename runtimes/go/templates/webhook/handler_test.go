package function

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/hanzoai/functions/sdk/sdktest"
)

const secret = "test-secret"

func signature(body string) string {
	code := hmac.New(sha256.New, []byte(secret))
	code.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(code.Sum(nil))
}

func status(t *testing.T, body, signed string) int {
	t.Setenv("WEBHOOK_SECRET", secret)
	ctx := sdktest.New(sdktest.Options{
		Body:        []byte(body),
		ContentType: "application/json",
		Headers:     map[string]string{"X-Signature": signed},
	})
	answer, err := sdktest.Call(Receive, ctx)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

func TestItTakesWhatIsSigned(t *testing.T) {
	body := `{"type": "order.paid"}`
	if got := status(t, body, signature(body)); got != 200 {
		t.Fatal(got)
	}
}

func TestItRefusesWhatWasChangedOnTheWay(t *testing.T) {
	if got := status(t, `{"type": "order.sent"}`, signature(`{"type": "order.paid"}`)); got != 401 {
		t.Fatal(got)
	}
}

func TestItRefusesWhatIsNotSigned(t *testing.T) {
	if got := status(t, `{"type": "order.paid"}`, ""); got != 401 {
		t.Fatal(got)
	}
}
