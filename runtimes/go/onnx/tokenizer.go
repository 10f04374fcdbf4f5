package onnx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// tokenizer turns a text into ids with the special tokens round it, and ids into text.
type tokenizer struct {
	words *wordPiece
	first []int64
	last  []int64
	// bytes are a byte-level vocabulary by id, for decoding only.
	bytes   map[int64]string
	special map[int64]bool
}

// tokenizerFile is the part of tokenizer.json that is read here.
type tokenizerFile struct {
	AddedTokens []struct {
		ID      int64  `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer *struct {
		Type               string `json:"type"`
		CleanText          bool   `json:"clean_text"`
		HandleChineseChars bool   `json:"handle_chinese_chars"`
		StripAccents       *bool  `json:"strip_accents"`
		Lowercase          bool   `json:"lowercase"`
	} `json:"normalizer"`
	PostProcessor *postProcessor `json:"post_processor"`
	Decoder       *struct {
		Type string `json:"type"`
	} `json:"decoder"`
	Model struct {
		Type                    string           `json:"type"`
		Vocab                   map[string]int64 `json:"vocab"`
		UnkToken                string           `json:"unk_token"`
		ContinuingSubwordPrefix string           `json:"continuing_subword_prefix"`
		MaxInputCharsPerWord    int              `json:"max_input_chars_per_word"`
	} `json:"model"`
}

type postProcessor struct {
	Type   string            `json:"type"`
	Single []json.RawMessage `json:"single"`
	Tokens map[string]struct {
		IDs []int64 `json:"ids"`
	} `json:"special_tokens"`
	Cls []any `json:"cls"`
	Sep []any `json:"sep"`
}

func (d *directory) tokenizer() (*tokenizer, error) {
	path := filepath.Join(d.path, "tokenizer.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fail("unsupported_model", "the model %s has no tokenizer.json in %s", d.name, d.path)
	}
	var file tokenizerFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fail("unsupported_model", "%s does not parse: %v", path, err)
	}
	made := &tokenizer{special: map[int64]bool{}}
	for _, token := range file.AddedTokens {
		made.special[token.ID] = token.Special
	}
	switch {
	case file.Model.Type == "WordPiece" || file.Model.ContinuingSubwordPrefix == "##":
		made.words = wordPieceOf(&file)
		made.first, made.last = file.PostProcessor.around()
	case file.Decoder != nil && file.Decoder.Type == "ByteLevel":
		made.bytes = byteLevelOf(&file)
	default:
		return nil, fail("unsupported_model", "the tokenizer of %s (%s) is not served in Go: WordPiece is, and the "+
			"decoding of byte-level BPE", d.name, file.Model.Type)
	}
	return made, nil
}

func wordPieceOf(file *tokenizerFile) *wordPiece {
	words := &wordPiece{
		vocabulary: file.Model.Vocab,
		unknown:    file.Model.UnkToken,
		prefix:     file.Model.ContinuingSubwordPrefix,
		maxChars:   file.Model.MaxInputCharsPerWord,
		special:    map[string]int64{},
	}
	if words.maxChars == 0 {
		words.maxChars = 100
	}
	if normalizer := file.Normalizer; normalizer != nil {
		words.cleanText, words.chinese = normalizer.CleanText, normalizer.HandleChineseChars
		words.lowercase = normalizer.Lowercase
		words.stripAccents = normalizer.Lowercase
		if normalizer.StripAccents != nil {
			words.stripAccents = *normalizer.StripAccents
		}
	}
	for _, token := range file.AddedTokens {
		words.special[token.Content] = token.ID
	}
	return words
}

// around gives the ids before and after a single text.
func (p *postProcessor) around() (first, last []int64) {
	if p == nil {
		return nil, nil
	}
	if p.Type == "BertProcessing" {
		return idOf(p.Cls), idOf(p.Sep)
	}
	before := true
	for _, raw := range p.Single {
		var piece struct {
			SpecialToken *struct {
				ID string `json:"id"`
			} `json:"SpecialToken"`
		}
		if json.Unmarshal(raw, &piece) != nil || piece.SpecialToken == nil {
			before = false
			continue
		}
		ids := p.Tokens[piece.SpecialToken.ID].IDs
		if before {
			first = append(first, ids...)
		} else {
			last = append(last, ids...)
		}
	}
	return first, last
}

// idOf reads the pair ["[CLS]", 101].
func idOf(pair []any) []int64 {
	if len(pair) == 2 {
		if id, ok := pair[1].(float64); ok {
			return []int64{int64(id)}
		}
	}
	return nil
}

// encode gives at most limit ids; what is cut goes before the last special tokens.
func (t *tokenizer) encode(text string, limit int) []int64 {
	ids := t.words.ids(text)
	if room := max(0, limit-len(t.first)-len(t.last)); len(ids) > room {
		ids = ids[:room]
	}
	all := append([]int64{}, t.first...)
	return append(append(all, ids...), t.last...)
}

// decode leaves special tokens out.
func (t *tokenizer) decode(ids []int64) string {
	var out strings.Builder
	for _, id := range ids {
		if !t.special[id] {
			out.WriteString(t.bytes[id])
		}
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

// byteLevelOf turns the printable stand-ins of a byte-level vocabulary (Radford et al. 2019) back into bytes.
func byteLevelOf(file *tokenizerFile) map[int64]string {
	original := map[rune]byte{}
	next := rune(256)
	for value := 0; value < 256; value++ {
		char := rune(value)
		printable := char >= '!' && char <= '~' || char >= '¡' && char <= '¬' || char >= '®' && char <= 'ÿ'
		if !printable {
			char = next
			next++
		}
		original[char] = byte(value)
	}
	decoded := make(map[int64]string, len(file.Model.Vocab))
	for token, id := range file.Model.Vocab {
		var raw []byte
		for _, char := range token {
			if value, ok := original[char]; ok {
				raw = append(raw, value)
			} else {
				raw = append(raw, string(char)...)
			}
		}
		decoded[id] = string(raw)
	}
	for _, token := range file.AddedTokens {
		decoded[token.ID] = token.Content
	}
	return decoded
}
