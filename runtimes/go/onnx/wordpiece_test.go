package onnx

import (
	"reflect"
	"testing"
)

var words = &wordPiece{
	vocabulary: map[string]int64{
		"[UNK]": 1, "run": 4, "##ning": 5, "##n": 6, "!": 7, "cafe": 8, "中": 9, "a": 10, "##": 11,
	},
	unknown: "[UNK]", prefix: "##", maxChars: 10, lowercase: true, stripAccents: true, cleanText: true, chinese: true,
	special: map[string]int64{"[CLS]": 2, "[SEP]": 3},
}

func TestWordPiece(t *testing.T) {
	for text, want := range map[string][]int64{
		"":                 nil,
		"run running":      {4, 4, 5},
		"RUN!!":            {4, 7, 7},
		"Café":             {8},
		"Cafe\u0301\u200d": {8},
		"a中a":              {10, 9, 10},
		"runs":             {1},
		"aaaaaaaaaaaa a":   {1, 10},
		"a[SEP]a":          {10, 3, 10},
		"a\tb\x00":         {10, 1},
	} {
		if got := words.ids(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v instead of %v", text, got, want)
		}
	}
}
