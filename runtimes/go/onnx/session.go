package onnx

import (
	"os"
	"runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// LibraryVariable names the environment variable with the path of onnxruntime's shared library.
const LibraryVariable = "HANZO_ONNXRUNTIME"

const maxThreads = 4

var start = sync.OnceValue(func() error {
	path := os.Getenv(LibraryVariable)
	if path == "" {
		path = "libonnxruntime.so.1"
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return fail("missing_library", "onnxruntime does not load from %s: %v", path, err)
	}
	return nil
})

// session is one graph, and the names it takes and gives.
type session struct {
	graph   *ort.DynamicAdvancedSession
	inputs  []string
	outputs []string
}

// open loads a graph; asked for are the outputs to compute, of which those that it has are kept.
func (d *directory) open(graph string, asked ...string) (*session, error) {
	path, err := d.graph(graph)
	if err != nil {
		return nil, err
	}
	if err := start(); err != nil {
		return nil, err
	}
	inputs, outputs, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return nil, fail("unsupported_model", "onnxruntime does not read %s: %v", path, err)
	}
	opened := &session{inputs: names(inputs)}
	for _, name := range names(outputs) {
		for _, wanted := range asked {
			if name == wanted {
				opened.outputs = append(opened.outputs, name)
			}
		}
	}
	if len(opened.outputs) == 0 {
		opened.outputs = names(outputs)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(min(runtime.GOMAXPROCS(0), maxThreads)); err != nil {
		return nil, err
	}
	opened.graph, err = ort.NewDynamicAdvancedSession(path, opened.inputs, opened.outputs, options)
	return opened, err
}

func names(infos []ort.InputOutputInfo) []string {
	all := make([]string, len(infos))
	for index, info := range infos {
		all[index] = info.Name
	}
	return all
}

func (s *session) has(output string) bool {
	for _, name := range s.outputs {
		if name == output {
			return true
		}
	}
	return false
}

// run computes one output as floats. Tensors in feed that the graph does not take are left out; all are destroyed.
func (s *session) run(feed map[string]ort.Value, output string) ([]float32, []int64, error) {
	defer func() {
		for _, value := range feed {
			value.Destroy()
		}
	}()
	inputs := make([]ort.Value, len(s.inputs))
	for index, name := range s.inputs {
		value, ok := feed[name]
		if !ok {
			return nil, nil, fail("unsupported_model", "the graph wants an input %s, which is not known", name)
		}
		inputs[index] = value
	}
	results := make([]ort.Value, len(s.outputs))
	if err := s.graph.Run(inputs, results); err != nil {
		return nil, nil, err
	}
	var data []float32
	var shape []int64
	for index, result := range results {
		if result == nil {
			continue
		}
		if tensor, ok := result.(*ort.Tensor[float32]); ok && s.outputs[index] == output {
			data = append(data, tensor.GetData()...)
			shape = append(shape, tensor.GetShape()...)
		}
		result.Destroy()
	}
	if shape == nil {
		return nil, nil, fail("unsupported_model", "the graph gave no floats as %s", output)
	}
	return data, shape, nil
}

func ints(values []int64, shape ...int64) (ort.Value, error) {
	return ort.NewTensor(ort.NewShape(shape...), values)
}

func floats(values []float32, shape ...int64) (ort.Value, error) {
	return ort.NewTensor(ort.NewShape(shape...), values)
}
