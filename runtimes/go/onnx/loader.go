// Package onnx loads models for ctx.Model on onnxruntime (runtimes/models.md). A program that imports it gives every
// model of the SDK Encode, Predict and Transcribe:
//
//	import _ "github.com/hanzoai/functions/sdk/onnx"
//
// The builder of the platform adds the import to a function that calls ctx.Model. onnxruntime's shared library is
// found by the variable HANZO_ONNXRUNTIME, else as libonnxruntime.so.1 by the system.
package onnx

import (
	"errors"
	"sync"

	"github.com/hanzoai/functions/sdk"
)

func init() {
	sdk.RegisterModelLoader(func(path, name string) (sdk.Model, error) { return Load(path, name) })
}

// Load opens a model directory. Its weights are read at the first use. It fails with an *Error (unsafe_model) where
// the only weights are pickled.
func Load(path, name string) (sdk.Model, error) {
	opened, err := openDirectory(path, name)
	if err != nil {
		return nil, err
	}
	return &model{
		directory: opened,
		texts:     sync.OnceValues(opened.textModel),
		speech:    sync.OnceValues(opened.whisper),
	}, nil
}

type model struct {
	directory *directory
	texts     func() (*textModel, error)
	speech    func() (*whisper, error)
}

var _ sdk.Model = (*model)(nil)

func (m *model) Name() string { return m.directory.name }

func (m *model) Path() string { return m.directory.path }

func (m *model) Encode(texts ...string) ([][]float32, error) {
	opened, err := m.texts()
	if err != nil {
		return nil, err
	}
	return opened.encode(texts)
}

func (m *model) Predict(input any) (*sdk.Prediction, error) {
	text, ok := input.(string)
	if !ok {
		return nil, fail("unsupported_model", "the model %s predicts the label of a text, not of a %T", m.Name(), input)
	}
	opened, err := m.texts()
	if err != nil {
		return nil, err
	}
	found, err := opened.predict([]string{text})
	if err != nil {
		return nil, err
	}
	return &sdk.Prediction{Label: found[0].label, Score: found[0].score, Scores: found[0].scores}, nil
}

func (m *model) Transcribe(audio []byte) (string, error) {
	opened, err := m.speech()
	if err != nil {
		return "", err
	}
	samples, err := samplesOf(audio)
	if err != nil {
		return "", err
	}
	return opened.transcribe(samples, "")
}

// Is makes an unsupported_model error one that is sdk.ErrUnsupported.
func (e *Error) Is(target error) bool {
	return e.Code == "unsupported_model" && errors.Is(target, sdk.ErrUnsupported)
}
