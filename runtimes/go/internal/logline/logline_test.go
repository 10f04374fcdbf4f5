package logline

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

type line struct {
	TS, Level, Msg, Stream string
	RequestID              string `json:"request_id"`
	Fields                 map[string]any
	Truncated              int
}

func write(t *testing.T, msg string, fields map[string]any) line {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.FixedZone("", 3600))
	text := Append(nil, at, "info", msg, "req_1", encodeFields(fields))
	var got line
	if err := json.Unmarshal(text, &got); err != nil || text[len(text)-1] != '\n' || strings.Count(string(text), "\n") != 1 {
		t.Fatalf("%v: %q", err, text)
	}
	return got
}

func TestALine(t *testing.T) {
	got := write(t, "a\n\"b\"\\\x00\u2028ü", map[string]any{"n": 1, "err": errors.New("broken")})
	if got.TS != "2026-01-02T02:04:05.006Z" || got.Msg != "a\n\"b\"\\\x00\u2028ü" || got.Stream != "log" || got.RequestID != "req_1" ||
		got.Fields["n"] != 1.0 || got.Fields["err"] != "broken" || got.Truncated != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoTextStaysJSON(t *testing.T) {
	if got := write(t, "a\xffb\xc3", nil); got.Msg != "a\uFFFDb\uFFFD" {
		t.Errorf("%q", got.Msg)
	}
	if got := write(t, "x", map[string]any{"f": func() {}, "n": 1}); got.Fields["n"] != "1" {
		t.Errorf("%v", got.Fields)
	}
}

func TestLongTextIsCutBetweenLetters(t *testing.T) {
	for _, shift := range []string{"", "x", "xx"} {
		msg := shift + strings.Repeat("€", 30_000)
		got := write(t, msg, nil)
		if len(got.Msg) > MaxText || len(got.Msg) < MaxText-3 || !utf8.ValidString(got.Msg) || len(got.Msg)+got.Truncated != len(msg) {
			t.Errorf("%d kept, %d missing of %d", len(got.Msg), got.Truncated, len(msg))
		}
	}
	got := write(t, "x", map[string]any{"big": strings.Repeat("y", MaxText)})
	if got.Fields != nil || got.Truncated < MaxText {
		t.Errorf("%v %d", len(got.Fields), got.Truncated)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\x00\"\\\xff\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, text), &got); err != nil || got != strings.ToValidUTF8(text, "\uFFFD") && utf8.ValidString(text) {
			t.Fatalf("%q: %q %v", text, got, err)
		}
	})
}
