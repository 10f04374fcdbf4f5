package onnx

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// wordPiece is BERT's tokenizer (Devlin et al. 2019): normalise, split at white space and punctuation, then the longest
// pieces that the vocabulary has.
type wordPiece struct {
	vocabulary   map[string]int64
	unknown      string
	prefix       string
	maxChars     int
	lowercase    bool
	stripAccents bool
	cleanText    bool
	chinese      bool
	// special are tokens that the text may hold as they are.
	special map[string]int64
}

func (w *wordPiece) ids(text string) []int64 {
	var ids []int64
	for _, part := range splitSpecial(text, w.special) {
		if id, ok := w.special[part]; ok {
			ids = append(ids, id)
			continue
		}
		for _, word := range splitWords(w.normalise(part)) {
			ids = append(ids, w.pieces(word)...)
		}
	}
	return ids
}

func (w *wordPiece) normalise(text string) string {
	var out strings.Builder
	for _, char := range text {
		switch {
		case w.cleanText && (char == 0 || char == unicode.ReplacementChar || isControl(char)):
		case w.cleanText && isSpace(char):
			out.WriteByte(' ')
		case w.chinese && isChinese(char):
			out.WriteByte(' ')
			out.WriteRune(char)
			out.WriteByte(' ')
		default:
			out.WriteRune(char)
		}
	}
	clean := out.String()
	if w.stripAccents {
		clean = withoutAccents(clean)
	}
	if w.lowercase {
		clean = strings.ToLower(clean)
	}
	return clean
}

func withoutAccents(text string) string {
	return strings.Map(func(char rune) rune {
		if unicode.Is(unicode.Mn, char) {
			return -1
		}
		return char
	}, norm.NFD.String(text))
}

// splitWords cuts at white space, and makes every punctuation mark a word of its own.
func splitWords(text string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for _, char := range text {
		switch {
		case unicode.IsSpace(char):
			flush()
		case isPunctuation(char):
			flush()
			words = append(words, string(char))
		default:
			word.WriteRune(char)
		}
	}
	flush()
	return words
}

// pieces takes the longest piece of the vocabulary again and again; a word that does not come out even is unknown.
func (w *wordPiece) pieces(word string) []int64 {
	chars := []rune(word)
	unknown := []int64{w.vocabulary[w.unknown]}
	if len(chars) > w.maxChars {
		return unknown
	}
	var ids []int64
	for start := 0; start < len(chars); {
		end := len(chars)
		for ; end > start; end-- {
			piece := string(chars[start:end])
			if start > 0 {
				piece = w.prefix + piece
			}
			if id, ok := w.vocabulary[piece]; ok {
				ids = append(ids, id)
				break
			}
		}
		if end == start {
			return unknown
		}
		start = end
	}
	return ids
}

// splitSpecial cuts a text before and after every special token.
func splitSpecial(text string, special map[string]int64) []string {
	var parts []string
	for text != "" {
		at, found := len(text), ""
		for token := range special {
			index := strings.Index(text, token)
			if index >= 0 && (index < at || index == at && len(token) > len(found)) {
				at, found = index, token
			}
		}
		if at > 0 {
			parts = append(parts, text[:at])
		}
		if found == "" {
			break
		}
		parts = append(parts, found)
		text = text[at+len(found):]
	}
	return parts
}

func isSpace(char rune) bool {
	return char == '\t' || char == '\n' || char == '\r' || unicode.IsSpace(char)
}

func isControl(char rune) bool {
	if char == '\t' || char == '\n' || char == '\r' {
		return false
	}
	return unicode.In(char, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs)
}

func isPunctuation(char rune) bool {
	if char < 128 {
		return char > 32 && char < 127 && !unicode.IsLetter(char) && !unicode.IsDigit(char)
	}
	return unicode.IsPunct(char)
}

// isChinese follows the ranges of the CJK Unified Ideographs blocks.
func isChinese(char rune) bool {
	for _, block := range [][2]rune{
		{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
		{0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF}, {0x2F800, 0x2FA1F},
	} {
		if char >= block[0] && char <= block[1] {
			return true
		}
	}
	return false
}
