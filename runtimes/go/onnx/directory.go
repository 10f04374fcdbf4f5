package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// directory is one model's files (runtimes/models.md).
type directory struct {
	path   string
	name   string
	config config
}

// config is the part of config.json that is read here.
type config struct {
	ModelType             string            `json:"model_type"`
	ID2Label              map[string]string `json:"id2label"`
	ProblemType           string            `json:"problem_type"`
	MaxPositionEmbeddings int               `json:"max_position_embeddings"`
	PadTokenID            int64             `json:"pad_token_id"`
}

var pickled = []string{".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5"}

func openDirectory(path, name string) (*directory, error) {
	if err := refusePickled(path, name); err != nil {
		return nil, err
	}
	opened := &directory{path: path, name: name}
	if err := opened.json(&opened.config, "config.json"); err != nil {
		return nil, err
	}
	return opened, nil
}

// refusePickled says no where the only weights are pickled: reading those runs whatever code is in them.
func refusePickled(path, name string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	first := ""
	for _, entry := range entries {
		file := entry.Name()
		if file == "onnx" || hasSuffix(file, []string{".safetensors", ".onnx"}) {
			return nil
		}
		if first == "" && hasSuffix(file, pickled) {
			first = file
		}
	}
	if first == "" {
		return nil
	}
	return fail("unsafe_model", "the weights of %s are pickled (%s), and reading them would run whatever code is in there: "+
		"convert them to safetensors or ONNX", name, first)
}

func hasSuffix(name string, suffixes []string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// kind is the architecture in words.
func (d *directory) kind() string {
	if d.config.ModelType == "" {
		return "of unknown architecture"
	}
	return d.config.ModelType
}

// json reads a file of the directory into value; one that is not there leaves value as it is.
func (d *directory) json(value any, parts ...string) error {
	path := filepath.Join(append([]string{d.path}, parts...)...)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fail("unsupported_model", "%s does not parse: %v", path, err)
	}
	return nil
}

// graph finds a graph in the directory or in onnx/ below it.
func (d *directory) graph(name string) (string, error) {
	for _, folder := range []string{d.path, filepath.Join(d.path, "onnx")} {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fail("unsupported_model", "the model %s (%s) has no graph: neither %s nor onnx/%s is in %s",
		d.name, d.kind(), name, name, d.path)
}

// Error is what a model says no with.
type Error struct {
	// Code is unsupported_model, unsafe_model, unsupported_audio or missing_library.
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

func fail(code, format string, values ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, values...)}
}
