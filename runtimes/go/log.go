package sdk

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// Logger writes lines of the function's log; they carry the request id of the call.
//
// The fields of a line are maps, or names and values in turn:
//
//	ctx.Log.Info("classified", "label", result.Label, "ms", 12)
//	ctx.Log.Info("classified", map[string]any{"label": result.Label})
type Logger struct {
	backend core.Backend
	fields  map[string]any
}

// Debug writes a line of level debug.
func (l *Logger) Debug(msg string, fields ...any) { l.write("debug", msg, fields) }

// Info writes a line of level info.
func (l *Logger) Info(msg string, fields ...any) { l.write("info", msg, fields) }

// Warn writes a line of level warn.
func (l *Logger) Warn(msg string, fields ...any) { l.write("warn", msg, fields) }

// Error writes a line of level error.
func (l *Logger) Error(msg string, fields ...any) { l.write("error", msg, fields) }

// With is a logger whose lines also have these fields.
func (l *Logger) With(fields ...any) *Logger {
	if l == nil {
		l = &Logger{}
	}
	return &Logger{backend: l.backend, fields: mergeFields(l.fields, fields)}
}

func (l *Logger) write(level, msg string, given []any) {
	var backend core.Backend
	var own map[string]any
	if l != nil {
		backend, own = l.backend, l.fields
	}
	fields := own
	if len(given) > 0 {
		fields = mergeFields(own, given)
	}
	if backend != nil {
		backend.Log(level, msg, fields)
		return
	}
	// No server runs the handler, as in a unit test.
	text, _ := json.Marshal(fields)
	if len(fields) == 0 {
		text = nil
	}
	fmt.Fprintf(os.Stderr, "%s %s %s\n", level, msg, text)
}

func mergeFields(own map[string]any, given []any) map[string]any {
	all := make(map[string]any, len(own)+len(given)/2+1)
	for name, value := range own {
		all[name] = value
	}
	for i := 0; i < len(given); i++ {
		if more, isMap := given[i].(map[string]any); isMap {
			for name, value := range more {
				all[name] = value
			}
			continue
		}
		name, isName := given[i].(string)
		if !isName {
			name = fmt.Sprint(given[i])
		}
		if i+1 < len(given) {
			all[name] = given[i+1]
			i++
		} else {
			all[name] = nil
		}
	}
	return all
}
