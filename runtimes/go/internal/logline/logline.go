// Package logline writes lines of the function's log: section 5 of the runtime contract.
package logline

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// MaxText is the largest msg, and the largest fields, in bytes.
const MaxText = 64 * 1024

// The standard output that the process was started with, whatever user code puts in its place.
var output = os.Stdout

// Claim writes to a descriptor of its own from now on, which user code cannot close by its number.
func Claim() {
	syscall.ForkLock.RLock()
	own, err := syscall.Dup(1)
	if err == nil {
		syscall.CloseOnExec(own)
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		output = os.NewFile(uintptr(own), "stdout")
	}
}

var (
	mutex  sync.Mutex
	buffer []byte
)

// Write writes one line and returns when the system has it.
func Write(level, msg, requestID string, fields map[string]any) {
	encoded := encodeFields(fields)
	mutex.Lock()
	defer mutex.Unlock()
	buffer = Append(buffer[:0], time.Now(), level, msg, requestID, encoded)
	_, _ = output.Write(buffer)
	if cap(buffer) > 4*MaxText {
		buffer = nil
	}
}

// Append adds one line; fields are JSON or empty.
func Append(line []byte, now time.Time, level, msg, requestID string, fields []byte) []byte {
	line = append(line, `{"ts":"`...)
	line = now.UTC().AppendFormat(line, "2006-01-02T15:04:05.000Z")
	line = append(line, `","level":"`...)
	line = append(line, level...)
	line = append(line, `","msg":`...)
	msg, missing := cut(msg)
	line = AppendString(line, msg)
	line = append(line, `,"stream":"log"`...)
	if requestID != "" {
		line = append(line, `,"request_id":`...)
		line = AppendString(line, requestID)
	}
	if len(fields) > MaxText {
		missing += len(fields)
	} else if len(fields) > 0 {
		line = append(line, `,"fields":`...)
		line = append(line, fields...)
	}
	if missing > 0 {
		line = append(line, `,"truncated":`...)
		line = strconv.AppendInt(line, int64(missing), 10)
	}
	return append(line, "}\n"...)
}

func cut(msg string) (kept string, missing int) {
	if len(msg) <= MaxText {
		return msg, 0
	}
	end := MaxText
	for end > MaxText-utf8.UTFMax && !utf8.RuneStart(msg[end]) {
		end--
	}
	return msg[:end], len(msg) - end
}

// Whatever the fields hold, the line stays JSON.
func encodeFields(fields map[string]any) []byte {
	if len(fields) == 0 {
		return nil
	}
	if encoded, err := json.Marshal(plainErrors(fields)); err == nil {
		return encoded
	}
	plain := make(map[string]string, len(fields))
	for name, value := range fields {
		plain[name] = fmt.Sprint(value)
	}
	encoded, _ := json.Marshal(plain)
	return encoded
}

// An error would be {} otherwise.
func plainErrors(fields map[string]any) map[string]any {
	var copied map[string]any
	for name, value := range fields {
		err, isError := value.(error)
		if !isError {
			continue
		}
		if _, encodes := value.(json.Marshaler); encodes {
			continue
		}
		if copied == nil {
			copied = make(map[string]any, len(fields))
			for name, value := range fields {
				copied[name] = value
			}
		}
		copied[name] = err.Error()
	}
	if copied == nil {
		return fields
	}
	return copied
}

const hex = "0123456789abcdef"

// AppendString adds the text as a JSON string; what is no UTF-8 becomes U+FFFD.
func AppendString(out []byte, text string) []byte {
	out = append(out, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			out = append(out, text[start:i]...)
			switch c {
			case '"', '\\':
				out = append(out, '\\', c)
			case '\n':
				out = append(out, '\\', 'n')
			case '\r':
				out = append(out, '\\', 'r')
			case '\t':
				out = append(out, '\\', 't')
			default:
				out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			out = append(out, text[start:i]...)
			out = append(out, "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	return append(append(out, text[start:]...), '"')
}
