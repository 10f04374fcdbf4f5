package sdktest

import (
	"encoding/base64"
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hanzoai/functions/sdk/internal/core"
)

const (
	maxKey   = 1024
	maxValue = 1024 * 1024
)

// entry is what lies under one key: a string, a hash, or a list.
type entry struct {
	text []byte
	hash map[string][]byte
	list [][]byte
	// ends is the zero time for a key that stays.
	ends time.Time
}

func (e *entry) kind() string {
	switch {
	case e.hash != nil:
		return "hash"
	case e.list != nil:
		return "list"
	}
	return "string"
}

type wireValue struct {
	Text   *string `json:"text,omitempty"`
	Base64 *string `json:"base64,omitempty"`
}

type command struct {
	Op, Key, Field, Pattern string
	Keys                    []string
	Data                    *wireValue
	Values                  []wireValue
	Fields                  json.RawMessage
	By                      int64
	TTL                     *int64 `json:"ttl_ms"`
	NX, XX                  bool
}

// SetKV stores a text before a test.
func (p *Platform) SetKV(key, value string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.keys[key] = &entry{text: []byte(value)}
}

// KV is the text under a key; false where there is none.
func (p *Platform) KV(key string) (value string, there bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	found := p.find(key)
	if found == nil || found.kind() != "string" {
		return "", false
	}
	return string(found.text), true
}

func (p *Platform) find(key string) *entry {
	found := p.keys[key]
	if found != nil && !found.ends.IsZero() && !p.now().Before(found.ends) {
		delete(p.keys, key)
		return nil
	}
	return found
}

func (p *Platform) kv(body []byte) (*core.GatewayResponse, *refused) {
	var given command
	if err := json.Unmarshal(body, &given); err != nil {
		return nil, refuse(400, "bad_request", "%v", err)
	}
	value, failed := p.run(&given)
	if failed != nil {
		return nil, failed
	}
	return answerJSON(map[string]any{"value": value}), nil
}

func (p *Platform) run(given *command) (any, *refused) {
	for _, key := range append(given.Keys, given.Key) {
		if len(key) > maxKey {
			return nil, refuse(413, "payload_too_large", "a key has at most 1 KiB")
		}
		if strings.ContainsRune(key, 0) {
			return nil, refuse(400, "bad_request", "a key has no NUL")
		}
	}
	switch given.Op {
	case "delete", "exists":
		return p.countKeys(given), nil
	case "scan":
		return p.scan(given), nil
	}
	if given.Key == "" {
		return nil, refuse(400, "bad_request", "the key is empty")
	}
	switch given.Op {
	case "get", "set", "incr":
		return p.runText(given)
	case "expire", "ttl":
		return p.runTTL(given)
	case "hget", "hset", "hgetall", "hdel":
		return p.runHash(given)
	case "lpush", "rpush", "lpop", "rpop", "llen":
		return p.runList(given)
	}
	return nil, refuse(400, "bad_request", "there is no command %q", given.Op)
}

// of is the entry under the key if it is of this kind; nil where there is none.
func (p *Platform) of(key, kind string) (*entry, *refused) {
	found := p.find(key)
	if found != nil && found.kind() != kind {
		return nil, refuse(409, "conflict", "the key %s holds a %s", key, found.kind())
	}
	return found, nil
}

func (p *Platform) countKeys(given *command) int {
	count := 0
	for _, key := range given.Keys {
		if p.find(key) == nil {
			continue
		}
		count++
		if given.Op == "delete" {
			delete(p.keys, key)
		}
	}
	return count
}

func (p *Platform) scan(given *command) any {
	keys := []string{}
	for key := range p.keys {
		if p.find(key) != nil && (given.Pattern == "" || matches(given.Pattern, key)) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return map[string]any{"keys": keys, "cursor": nil}
}

func (p *Platform) runText(given *command) (any, *refused) {
	if given.Op == "set" {
		return p.set(given)
	}
	found, failed := p.of(given.Key, "string")
	if failed != nil {
		return nil, failed
	}
	if given.Op == "get" {
		if found == nil {
			return nil, nil
		}
		return encode(found.text), nil
	}
	if found == nil {
		found = &entry{text: []byte("0")}
		p.keys[given.Key] = found
	}
	number, err := strconv.ParseInt(string(found.text), 10, 64)
	if err != nil {
		return nil, refuse(409, "conflict", "the key %s holds no integer", given.Key)
	}
	found.text = strconv.AppendInt(nil, number+given.By, 10)
	return number + given.By, nil
}

func (p *Platform) set(given *command) (any, *refused) {
	there := p.find(given.Key) != nil
	if given.NX && there || given.XX && !there {
		return false, nil
	}
	if given.Data == nil {
		return nil, refuse(400, "bad_request", "set has no data")
	}
	text, failed := decode(*given.Data)
	if failed != nil {
		return nil, failed
	}
	stored := &entry{text: text}
	if given.TTL != nil {
		stored.ends = p.now().Add(time.Duration(*given.TTL) * time.Millisecond)
	}
	p.keys[given.Key] = stored
	return true, nil
}

func (p *Platform) runTTL(given *command) (any, *refused) {
	found := p.find(given.Key)
	switch {
	case given.Op == "expire" && (found == nil || given.TTL == nil):
		return false, nil
	case given.Op == "expire" && *given.TTL <= 0:
		delete(p.keys, given.Key)
		return true, nil
	case given.Op == "expire":
		found.ends = p.now().Add(time.Duration(*given.TTL) * time.Millisecond)
		return true, nil
	case found == nil:
		return -2, nil
	case found.ends.IsZero():
		return -1, nil
	}
	return found.ends.Sub(p.now()).Milliseconds(), nil
}

func encode(data []byte) wireValue {
	if utf8.Valid(data) {
		text := string(data)
		return wireValue{Text: &text}
	}
	text := base64.StdEncoding.EncodeToString(data)
	return wireValue{Base64: &text}
}

func decode(value wireValue) ([]byte, *refused) {
	data := []byte{}
	switch {
	case value.Text != nil:
		data = []byte(*value.Text)
	case value.Base64 != nil:
		decoded, err := base64.StdEncoding.DecodeString(*value.Base64)
		if err != nil {
			return nil, refuse(400, "bad_request", "%v", err)
		}
		data = decoded
	}
	if len(data) > maxValue {
		return nil, refuse(413, "payload_too_large", "a value has at most 1 MiB")
	}
	return data, nil
}

// matches is the glob of the Valkey protocol: * ? [a-c] [^a] and \ before what is meant itself.
func matches(pattern, text string) bool {
	for pattern != "" {
		first, size := utf8.DecodeRuneInString(text)
		literal := false
		switch pattern[0] {
		case '*':
			for i := 0; i <= len(text); i++ {
				if matches(pattern[1:], text[i:]) {
					return true
				}
			}
			return false
		case '[':
			set, rest, closed := strings.Cut(pattern[1:], "]")
			if !closed || text == "" || !inSet([]rune(set), first) {
				return false
			}
			pattern, text = rest, text[size:]
			continue
		case '\\':
			if len(pattern) > 1 {
				pattern, literal = pattern[1:], true
			}
		}
		wanted, length := utf8.DecodeRuneInString(pattern)
		if text == "" || (literal || wanted != '?') && wanted != first {
			return false
		}
		pattern, text = pattern[length:], text[size:]
	}
	return text == ""
}

func inSet(set []rune, c rune) bool {
	wanted := true
	if len(set) > 0 && set[0] == '^' {
		set, wanted = set[1:], false
	}
	for i := 0; i < len(set); i++ {
		if i+2 < len(set) && set[i+1] == '-' {
			if set[i] <= c && c <= set[i+2] {
				return wanted
			}
			i += 2
		} else if set[i] == c {
			return wanted
		}
	}
	return !wanted
}
