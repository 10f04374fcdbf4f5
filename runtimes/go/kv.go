package sdk

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// KV is the function's own key-value store: ctx.KV(). Keys have at most 1 KiB of UTF-8, values 1 MiB. A value that is
// a string is stored as its UTF-8, []byte as they are, anything else as its JSON text. Every method fails with a
// *GatewayError, or with the error of the call's context where the call was cancelled.
type KV struct {
	ctx *Context
}

// KV is the function's own key-value store.
func (c *Context) KV() *KV { return &KV{c} }

// SetOptions of KV.Set.
type SetOptions struct {
	// TTL after which the key is gone; 0 keeps it.
	TTL time.Duration
	// NX sets only where there is no such key.
	NX bool
	// XX sets only where there is such a key.
	XX bool
}

// What KV.TTL gives for keys that do not run out.
const (
	// NoTTL: the key stays.
	NoTTL time.Duration = -1
	// NoKey: there is no such key.
	NoKey time.Duration = -2
)

type wireValue struct {
	Text   *string `json:"text,omitempty"`
	Base64 *string `json:"base64,omitempty"`
}

type command map[string]any

// Get is the value as text, and whether there is one.
func (k *KV) Get(key string) (string, bool, error) {
	value, found, err := k.GetBytes(key)
	return string(value), found, err
}

// GetBytes is the value, and whether there is one.
func (k *KV) GetBytes(key string) ([]byte, bool, error) {
	return k.value(command{"op": "get", "key": key})
}

// GetJSON reads the value, which must be JSON, into what v points to, and says whether there is one.
func (k *KV) GetJSON(key string, v any) (bool, error) {
	value, found, err := k.GetBytes(key)
	if err != nil || !found {
		return false, err
	}
	return true, json.Unmarshal(value, v)
}

// Set stores a value; false where NX or XX forbade it.
func (k *KV) Set(key string, value any, options ...SetOptions) (bool, error) {
	data, err := encodeValue(value)
	if err != nil {
		return false, err
	}
	set := command{"op": "set", "key": key, "data": data}
	for _, option := range options {
		if option.TTL > 0 {
			set["ttl_ms"] = millis(option.TTL)
		}
		if option.NX {
			set["nx"] = true
		}
		if option.XX {
			set["xx"] = true
		}
	}
	var done bool
	err = k.do(set, &done)
	return done, err
}

// Delete removes keys and says how many there were.
func (k *KV) Delete(keys ...string) (int64, error) {
	return k.count(command{"op": "delete", "keys": list(keys)})
}

// Exists says how many of the keys there are.
func (k *KV) Exists(keys ...string) (int64, error) {
	return k.count(command{"op": "exists", "keys": list(keys)})
}

// Incr adds to the integer under the key, which is 0 where there is none, and gives the new one.
func (k *KV) Incr(key string, by ...int64) (int64, error) {
	sum := int64(1)
	if len(by) > 0 {
		sum = 0
		for _, one := range by {
			sum += one
		}
	}
	return k.count(command{"op": "incr", "key": key, "by": sum})
}

// Expire gives a key a time to live and says whether there is such a key.
func (k *KV) Expire(key string, ttl time.Duration) (bool, error) {
	var there bool
	err := k.do(command{"op": "expire", "key": key, "ttl_ms": millis(ttl)}, &there)
	return there, err
}

// TTL is the time that the key has left, NoTTL or NoKey.
func (k *KV) TTL(key string) (time.Duration, error) {
	left, err := k.count(command{"op": "ttl", "key": key})
	if err != nil || left < 0 {
		return time.Duration(left), err
	}
	return time.Duration(left) * time.Millisecond, nil
}

// HGet is the value of a field of a hash, and whether there is one.
func (k *KV) HGet(key, field string) (string, bool, error) {
	value, found, err := k.value(command{"op": "hget", "key": key, "field": field})
	return string(value), found, err
}

// HSet sets fields of a hash and says how many of them are new.
func (k *KV) HSet(key string, fields map[string]any) (int64, error) {
	encoded := make(map[string]wireValue, len(fields))
	for name, value := range fields {
		data, err := encodeValue(value)
		if err != nil {
			return 0, err
		}
		encoded[name] = data
	}
	return k.count(command{"op": "hset", "key": key, "fields": encoded})
}

// HGetAll gives every field of a hash; an empty map where there is none.
func (k *KV) HGetAll(key string) (map[string]string, error) {
	var encoded map[string]wireValue
	if err := k.do(command{"op": "hgetall", "key": key}, &encoded); err != nil {
		return nil, err
	}
	fields := make(map[string]string, len(encoded))
	for name, value := range encoded {
		data, err := decodeValue(value)
		if err != nil {
			return nil, err
		}
		fields[name] = string(data)
	}
	return fields, nil
}

// HDel removes fields of a hash and says how many there were.
func (k *KV) HDel(key string, fields ...string) (int64, error) {
	return k.count(command{"op": "hdel", "key": key, "fields": list(fields)})
}

// LPush puts values before a list, one after the other, and gives its new length.
func (k *KV) LPush(key string, values ...any) (int64, error) { return k.push("lpush", key, values) }

// RPush puts values behind a list and gives its new length.
func (k *KV) RPush(key string, values ...any) (int64, error) { return k.push("rpush", key, values) }

// LPop takes the first value of a list; false where it is empty.
func (k *KV) LPop(key string) (string, bool, error) {
	value, found, err := k.value(command{"op": "lpop", "key": key})
	return string(value), found, err
}

// RPop takes the last value of a list; false where it is empty.
func (k *KV) RPop(key string) (string, bool, error) {
	value, found, err := k.value(command{"op": "rpop", "key": key})
	return string(value), found, err
}

// LLen is the length of a list.
func (k *KV) LLen(key string) (int64, error) { return k.count(command{"op": "llen", "key": key}) }

// Scan iterates over the keys that match a glob pattern, page by page; an empty pattern matches all. A key that is
// there all the time comes at least once. With Go 1.23 or newer:
//
//	for key, err := range ctx.KV().Scan("user:*") { … }
func (k *KV) Scan(pattern string) func(yield func(key string, err error) bool) {
	return func(yield func(string, error) bool) {
		scan := command{"op": "scan"}
		if pattern != "" {
			scan["pattern"] = pattern
		}
		for {
			var page struct {
				Keys   []string
				Cursor *string
			}
			if err := k.do(scan, &page); err != nil {
				yield("", err)
				return
			}
			for _, key := range page.Keys {
				if !yield(key, nil) {
					return
				}
			}
			if page.Cursor == nil {
				return
			}
			scan["cursor"] = *page.Cursor
		}
	}
}

// Keys are all keys that match a glob pattern.
func (k *KV) Keys(pattern string) (keys []string, err error) {
	k.Scan(pattern)(func(key string, failed error) bool {
		if err = failed; err == nil {
			keys = append(keys, key)
		}
		return err == nil
	})
	return keys, err
}

func (k *KV) push(op, key string, values []any) (int64, error) {
	encoded := make([]wireValue, len(values))
	for i, value := range values {
		data, err := encodeValue(value)
		if err != nil {
			return 0, err
		}
		encoded[i] = data
	}
	return k.count(command{"op": op, "key": key, "values": encoded})
}

func (k *KV) do(question command, value any) error {
	var answer struct{ Value json.RawMessage }
	if err := k.ctx.ask("KV", "/v1/kv", question, &answer); err != nil {
		return err
	}
	if len(answer.Value) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer.Value, value); err != nil {
		return k.ctx.unavailable(fmt.Errorf("its answer to %s is not what was asked: %w", question["op"], err))
	}
	return nil
}

func (k *KV) count(question command) (int64, error) {
	var number int64
	err := k.do(question, &number)
	return number, err
}

func (k *KV) value(question command) ([]byte, bool, error) {
	var value *wireValue
	if err := k.do(question, &value); err != nil || value == nil {
		return nil, false, err
	}
	data, err := decodeValue(*value)
	return data, err == nil, err
}

func encodeValue(value any) (wireValue, error) {
	var data []byte
	switch value := value.(type) {
	case string:
		data = []byte(value)
	case []byte:
		data = value
	default:
		encoded, err := EncodeJSON(value)
		if err != nil {
			return wireValue{}, err
		}
		data = encoded
	}
	if utf8.Valid(data) {
		text := string(data)
		return wireValue{Text: &text}, nil
	}
	encoded := base64.StdEncoding.EncodeToString(data)
	return wireValue{Base64: &encoded}, nil
}

func decodeValue(value wireValue) ([]byte, error) {
	if value.Text != nil {
		return []byte(*value.Text), nil
	}
	if value.Base64 == nil {
		return nil, nil
	}
	return base64.StdEncoding.DecodeString(*value.Base64)
}

// A part of a millisecond counts as one, so that it does not become none.
func millis(duration time.Duration) int64 {
	return int64((duration + time.Millisecond - 1) / time.Millisecond)
}

// A nil slice would be null.
func list(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
