package onnx

import (
	"math"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

const (
	pieceSamples = 30 * rate16k
	maxTokens    = 448
)

// whisper holds Whisper's graphs, which are decoded greedily.
type whisper struct {
	preprocessor, encoder, decoder *session
	tokenizer                      *tokenizer
	settings                       generation
}

// generation is the part of generation_config.json that is read here.
type generation struct {
	Start         int64            `json:"decoder_start_token_id"`
	End           *int64           `json:"eos_token_id"`
	Languages     map[string]int64 `json:"lang_to_id"`
	Tasks         map[string]int64 `json:"task_to_id"`
	NoTimestamps  *int64           `json:"no_timestamps_token_id"`
	Forced        [][2]*int64      `json:"forced_decoder_ids"`
	Suppress      []int64          `json:"suppress_tokens"`
	BeginSuppress []int64          `json:"begin_suppress_tokens"`
	MaxLength     int              `json:"max_length"`
}

func (d *directory) whisper() (*whisper, error) {
	if d.config.ModelType != "whisper" {
		return nil, fail("unsupported_model", "the model %s (%s) cannot transcribe", d.name, d.kind())
	}
	model := &whisper{settings: generation{MaxLength: maxTokens}}
	for _, file := range []string{"config.json", "generation_config.json"} {
		if err := d.json(&model.settings, file); err != nil {
			return nil, err
		}
	}
	var err error
	if model.preprocessor, err = d.open("preprocessor.onnx", "input_features"); err != nil {
		return nil, err
	}
	if model.encoder, err = d.open("encoder_model.onnx", "last_hidden_state"); err != nil {
		return nil, err
	}
	if model.decoder, err = d.open("decoder_model.onnx", "logits"); err != nil {
		return nil, err
	}
	model.tokenizer, err = d.tokenizer()
	return model, err
}

// heard is the encoder's output for one piece of sound.
type heard struct {
	data  []float32
	shape []int64
}

func (w *whisper) transcribe(samples []float32, language string) (string, error) {
	var texts []string
	for start := 0; start < len(samples); start += pieceSamples {
		text, err := w.piece(samples[start:min(start+pieceSamples, len(samples))], language)
		if err != nil {
			return "", err
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " "), nil
}

func (w *whisper) piece(samples []float32, language string) (string, error) {
	sound, err := w.listen(samples)
	if err != nil {
		return "", err
	}
	prefix, err := w.prefix(sound, language)
	if err != nil {
		return "", err
	}
	ids, err := w.decode(sound, prefix)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(w.tokenizer.decode(ids)), nil
}

func (w *whisper) listen(samples []float32) (heard, error) {
	audio, err := floats(samples, int64(len(samples)))
	if err != nil {
		return heard{}, err
	}
	features, shape, err := w.preprocessor.run(map[string]ort.Value{"audio": audio}, "input_features")
	if err != nil {
		return heard{}, err
	}
	input, err := floats(features, shape...)
	if err != nil {
		return heard{}, err
	}
	data, shape, err := w.encoder.run(map[string]ort.Value{"input_features": input}, "last_hidden_state")
	return heard{data, shape}, err
}

// next gives the logits after the last of the ids.
func (w *whisper) next(sound heard, ids []int64) ([]float32, error) {
	input, err := ints(append([]int64{}, ids...), 1, int64(len(ids)))
	if err != nil {
		return nil, err
	}
	states, err := floats(sound.data, sound.shape...)
	if err != nil {
		return nil, err
	}
	logits, shape, err := w.decoder.run(
		map[string]ort.Value{"input_ids": input, "encoder_hidden_states": states}, "logits")
	if err != nil {
		return nil, err
	}
	return logits[len(logits)-int(shape[len(shape)-1]):], nil
}

func (w *whisper) prefix(sound heard, language string) ([]int64, error) {
	ids := []int64{w.settings.Start}
	if len(w.settings.Languages) == 0 {
		for _, forced := range w.settings.Forced {
			if forced[1] != nil {
				ids = append(ids, *forced[1])
			}
		}
		return ids, nil
	}
	spoken, ok := w.settings.Languages["<|"+language+"|>"]
	if language == "" {
		logits, err := w.next(sound, ids)
		if err != nil {
			return nil, err
		}
		best := math.Inf(-1)
		for _, id := range w.settings.Languages {
			if value := float64(logits[id]); value > best {
				best, spoken = value, id
			}
		}
	} else if !ok {
		return nil, fail("unsupported_model", "the model knows no language %q", language)
	}
	ids = append(ids, spoken)
	if task, ok := w.settings.Tasks["transcribe"]; ok {
		ids = append(ids, task)
	}
	if w.settings.NoTimestamps != nil {
		ids = append(ids, *w.settings.NoTimestamps)
	}
	return ids, nil
}

func (w *whisper) decode(sound heard, prefix []int64) ([]int64, error) {
	ids := append([]int64{}, prefix...)
	for len(ids) < w.settings.MaxLength {
		logits, err := w.next(sound, ids)
		if err != nil {
			return nil, err
		}
		silence(logits, w.settings.Suppress)
		if len(ids) == len(prefix) {
			silence(logits, w.settings.BeginSuppress)
		}
		best := 0
		for id, value := range logits {
			if value > logits[best] {
				best = id
			}
		}
		if w.settings.End != nil && int64(best) == *w.settings.End {
			break
		}
		ids = append(ids, int64(best))
	}
	return ids[len(prefix):], nil
}

func silence(logits []float32, ids []int64) {
	for _, id := range ids {
		if id >= 0 && int(id) < len(logits) {
			logits[id] = float32(math.Inf(-1))
		}
	}
}
