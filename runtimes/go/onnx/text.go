package onnx

import (
	"fmt"
	"math"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

const (
	fallbackLength = 512
	batchSize      = 32
)

// textModel is a graph from token ids to hidden states or to logits.
type textModel struct {
	directory  *directory
	session    *session
	tokenizer  *tokenizer
	limit      int
	firstOnly  bool
	normalises bool
}

func (d *directory) textModel() (*textModel, error) {
	opened, err := d.open("model.onnx", "last_hidden_state", "logits")
	if err != nil {
		return nil, err
	}
	tokens, err := d.tokenizer()
	if err != nil {
		return nil, err
	}
	if tokens.words == nil {
		return nil, fail("unsupported_model", "the tokenizer of %s does not encode in Go: WordPiece does", d.name)
	}
	var pooling struct {
		First bool `json:"pooling_mode_cls_token"`
	}
	var modules []struct {
		Type string `json:"type"`
	}
	var sentence struct {
		MaxLength int `json:"max_seq_length"`
	}
	for _, file := range []struct {
		value any
		parts []string
	}{
		{&pooling, []string{"1_Pooling", "config.json"}},
		{&modules, []string{"modules.json"}},
		{&sentence, []string{"sentence_bert_config.json"}},
	} {
		if err := d.json(file.value, file.parts...); err != nil {
			return nil, err
		}
	}
	model := &textModel{directory: d, session: opened, tokenizer: tokens, firstOnly: pooling.First, limit: fallbackLength}
	for _, stated := range []int{d.config.MaxPositionEmbeddings, sentence.MaxLength} {
		if stated > 0 {
			model.limit = stated
		}
	}
	for _, module := range modules {
		model.normalises = model.normalises || strings.HasSuffix(module.Type, "Normalize")
	}
	return model, nil
}

func (m *textModel) needs(output, method string) error {
	if m.session.has(output) {
		return nil
	}
	return fail("unsupported_model", "the model %s (%s) cannot %s: its graph has no output %s",
		m.directory.name, m.directory.kind(), method, output)
}

// batches hands the output of up to batchSize texts to each, with the rows of ids and their longest.
func (m *textModel) batches(texts []string, output string, each func(rows [][]int64, longest int, data []float32)) error {
	for start := 0; start < len(texts); start += batchSize {
		var rows [][]int64
		longest := 0
		for _, text := range texts[start:min(start+batchSize, len(texts))] {
			row := m.tokenizer.encode(text, m.limit)
			rows, longest = append(rows, row), max(longest, len(row))
		}
		feed, err := m.feed(rows, longest)
		if err != nil {
			return err
		}
		data, _, err := m.session.run(feed, output)
		if err != nil {
			return err
		}
		each(rows, longest, data)
	}
	return nil
}

func (m *textModel) feed(rows [][]int64, longest int) (map[string]ort.Value, error) {
	size := len(rows) * longest
	ids, mask := make([]int64, size), make([]int64, size)
	for at := range ids {
		ids[at] = m.directory.config.PadTokenID
	}
	for index, row := range rows {
		for at, id := range row {
			ids[index*longest+at], mask[index*longest+at] = id, 1
		}
	}
	feed := map[string]ort.Value{}
	for name, values := range map[string][]int64{
		"input_ids": ids, "attention_mask": mask, "token_type_ids": make([]int64, size),
	} {
		tensor, err := ints(values, int64(len(rows)), int64(longest))
		if err != nil {
			return nil, err
		}
		feed[name] = tensor
	}
	return feed, nil
}

func (m *textModel) encode(texts []string) ([][]float32, error) {
	if err := m.needs("last_hidden_state", "encode"); err != nil {
		return nil, err
	}
	vectors := make([][]float32, 0, len(texts))
	err := m.batches(texts, "last_hidden_state", func(rows [][]int64, longest int, hidden []float32) {
		width := len(hidden) / (len(rows) * longest)
		for index, row := range rows {
			count := len(row)
			if m.firstOnly {
				count = 1
			}
			vectors = append(vectors, m.pooled(hidden[index*longest*width:], count, width))
		}
	})
	return vectors, err
}

// pooled is the mean of the first count rows of hidden, normalised where the model says so.
func (m *textModel) pooled(hidden []float32, count, width int) []float32 {
	vector := make([]float32, width)
	length := 0.0
	for dim := range vector {
		sum := 0.0
		for at := 0; at < count; at++ {
			sum += float64(hidden[at*width+dim])
		}
		vector[dim] = float32(sum / float64(count))
		length += float64(vector[dim]) * float64(vector[dim])
	}
	if m.normalises {
		length = math.Max(math.Sqrt(length), 1e-12)
		for dim := range vector {
			vector[dim] = float32(float64(vector[dim]) / length)
		}
	}
	return vector
}

// scored is one text's labels with their probabilities.
type scored struct {
	label  string
	score  float64
	scores map[string]float64
}

func (m *textModel) predict(texts []string) ([]scored, error) {
	if err := m.needs("logits", "predict"); err != nil {
		return nil, err
	}
	found := make([]scored, 0, len(texts))
	err := m.batches(texts, "logits", func(rows [][]int64, _ int, logits []float32) {
		width := len(logits) / len(rows)
		for index := range rows {
			found = append(found, m.scored(logits[index*width:(index+1)*width]))
		}
	})
	return found, err
}

func (m *textModel) scored(logits []float32) scored {
	result := scored{scores: map[string]float64{}, score: -1}
	for index, score := range probabilities(logits, m.directory.config.ProblemType == "multi_label_classification") {
		label, ok := m.directory.config.ID2Label[fmt.Sprint(index)]
		if !ok {
			label = fmt.Sprintf("LABEL_%d", index)
		}
		result.scores[label] = score
		if score > result.score {
			result.label, result.score = label, score
		}
	}
	return result
}

func probabilities(logits []float32, independent bool) []float64 {
	all := make([]float64, len(logits))
	top, sum := math.Inf(-1), 0.0
	for _, logit := range logits {
		top = math.Max(top, float64(logit))
	}
	for index, logit := range logits {
		if independent {
			all[index] = 1 / (1 + math.Exp(-float64(logit)))
			continue
		}
		all[index] = math.Exp(float64(logit) - top)
		sum += all[index]
	}
	if !independent {
		for index := range all {
			all[index] /= sum
		}
	}
	return all
}
