module github.com/hanzoai/functions/sdk/onnx

go 1.22

require (
	github.com/hanzoai/functions/sdk v0.0.0
	github.com/yalue/onnxruntime_go v1.27.0
	golang.org/x/text v0.21.0
)

replace github.com/hanzoai/functions/sdk => ..
