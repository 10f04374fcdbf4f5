package sdk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// Model is a model that lies on this machine: ctx.Model(name). What its architecture does not have fails with
// ErrUnsupported.
type Model interface {
	Name() string
	// Path is the directory with the model's files.
	Path() string
	// Predict classifies: the best label with its score, and the scores of all. The input is a text, or what the
	// model's loader takes.
	Predict(input any) (*Prediction, error)
	// Encode makes one embedding of each text.
	Encode(texts ...string) ([][]float32, error)
	// Transcribe makes a text of audio.
	Transcribe(audio []byte) (string, error)
}

// Prediction is what Model.Predict gives.
type Prediction struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
	// Scores of all labels.
	Scores map[string]float64 `json:"scores,omitempty"`
}

// ErrUnsupported is what a model fails with whose architecture, or whose loader, cannot do what was asked.
var ErrUnsupported = errors.New("the model does not support this")

// A ModelLoader loads the model of a directory. It refuses what it does not know with an error that is ErrUnsupported;
// then the next loader is asked.
type ModelLoader func(path, name string) (Model, error)

var loaders struct {
	sync.Mutex
	all []ModelLoader
	// loaded has every model of the process by its path.
	loaded map[string]*loadedModel
}

type loadedModel struct {
	once  sync.Once
	model Model
	err   error
}

// RegisterModelLoader adds a loader; packages of loaders call it when they are imported:
//
//	import _ "github.com/hanzoai/functions/sdk/onnx"
func RegisterModelLoader(loader ModelLoader) {
	loaders.Lock()
	defer loaders.Unlock()
	loaders.all = append(loaders.all, loader)
}

// Model finds a model by its name, loads it once for the process, and gives it. It fails with a *GatewayError: code
// not_found and a message with every place that was looked at where there is none.
func (c *Context) Model(name string) (Model, error) {
	if c.backend != nil {
		if model, standsIn := c.backend.Model(name).(Model); standsIn {
			return model, nil
		}
	}
	path, err := c.modelPath(name)
	if err != nil {
		return nil, err
	}
	loaders.Lock()
	if loaders.loaded == nil {
		loaders.loaded = map[string]*loadedModel{}
	}
	entry := loaders.loaded[path]
	if entry == nil {
		entry = &loadedModel{}
		loaders.loaded[path] = entry
	}
	all := loaders.all
	loaders.Unlock()
	entry.once.Do(func() { entry.model, entry.err = load(all, path, name) })
	if entry.err != nil {
		// What failed once may succeed when the files are whole.
		loaders.Lock()
		if loaders.loaded[path] == entry {
			delete(loaders.loaded, path)
		}
		loaders.Unlock()
	}
	return entry.model, entry.err
}

func load(all []ModelLoader, path, name string) (Model, error) {
	for _, loader := range all {
		model, err := loader(path, name)
		if !errors.Is(err, ErrUnsupported) {
			return model, err
		}
	}
	return plainModel{name, path}, nil
}

// plainModel has a path and nothing that can compute with it.
type plainModel struct{ name, path string }

func (m plainModel) Name() string { return m.name }
func (m plainModel) Path() string { return m.path }

func (m plainModel) Predict(any) (*Prediction, error) { return nil, m.unsupported("Predict") }

func (m plainModel) Encode(...string) ([][]float32, error) { return nil, m.unsupported("Encode") }

func (m plainModel) Transcribe([]byte) (string, error) { return "", m.unsupported("Transcribe") }

func (m plainModel) unsupported(what string) error {
	return fmt.Errorf("%s of the model %s: %w: no loader of this program knows the files in %s "+
		"(for ONNX: import _ \"github.com/hanzoai/functions/sdk/onnx\")", what, m.name, ErrUnsupported, m.path)
}

// modelPath looks in the models directory and then asks the gateway.
func (c *Context) modelPath(name string) (string, error) {
	directory := ""
	if c.backend != nil {
		directory = c.backend.Models()
	}
	looked := ""
	if directory != "" && isModelName(name) {
		looked = filepath.Join(directory, filepath.FromSlash(name))
		if stat, err := os.Stat(looked); err == nil && stat.IsDir() {
			return looked, nil
		}
	}
	var found modelFiles
	err := c.ask("Model", "/v1/models", map[string]string{"name": name}, &found)
	var refused *GatewayError
	if errors.As(err, &refused) && looked != "" && (refused.Status == 404 || c.backend.Gateway() == nil) {
		missing := *refused
		missing.Message += "; looked at " + looked + " too"
		return "", &missing
	}
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(found.Path); err == nil || len(found.Files) == 0 {
		return found.Path, nil
	}
	return c.download(name, found)
}

func isModelName(name string) bool {
	return name != "" && name != "." && !strings.ContainsAny(name, "\x00\\") && filepath.IsLocal(filepath.FromSlash(name))
}

type modelFiles struct {
	Path   string
	Digest string
	Files  []modelFile
}

type modelFile struct {
	Name   string
	Size   int64
	SHA256 string
}

// download fetches a model to this machine where it does not share the gateway's disk. Files that are there already
// with the right digest are kept.
func (c *Context) download(name string, found modelFiles) (string, error) {
	directory := filepath.Join(os.TempDir(), "hanzo-models", url.PathEscape(name)+"-"+url.PathEscape(found.Digest))
	for _, file := range found.Files {
		if !isModelName(file.Name) {
			return "", fmt.Errorf("the model %s has a file with a name that leaves its directory: %q", name, file.Name)
		}
		path := filepath.Join(directory, filepath.FromSlash(file.Name))
		if stat, err := os.Stat(path); err == nil && stat.Size() == file.Size {
			continue
		}
		if err := c.downloadFile(name, file, path); err != nil {
			return "", err
		}
	}
	return directory, nil
}

func (c *Context) downloadFile(name string, file modelFile, path string) error {
	response, err := c.exchange("Model", &core.GatewayRequest{
		Method: "GET",
		Target: "/v1/models/" + url.PathEscape(name) + "/files/" + url.PathEscape(file.Name),
	})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(part, sum), response.Body)
	if closeErr := part.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return c.unavailable(err)
	}
	if digest := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(digest, strings.TrimPrefix(file.SHA256, "sha256:")) {
		return fmt.Errorf("the file %s of the model %s came with the digest %s instead of %s", file.Name, name, digest, file.SHA256)
	}
	return os.Rename(part.Name(), path)
}
