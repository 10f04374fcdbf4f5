package sdktest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// object is one of the storage.
type object struct {
	data        []byte
	contentType string
	etag        string
	modified    time.Time
}

// PutObject stores an object before a test.
func (p *Platform) PutObject(ref string, data []byte, contentType string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.put(ref, data, contentType)
}

// Object is what was stored under a ref; false where there is nothing.
func (p *Platform) Object(ref string) (data []byte, there bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	stored, there := p.objects[ref]
	if !there {
		return nil, false
	}
	return append([]byte(nil), stored.data...), true
}

func (p *Platform) put(ref string, data []byte, contentType string) *object {
	sum := sha256.Sum256(data)
	stored := &object{
		data: append([]byte(nil), data...), contentType: contentType, etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		modified: p.now().UTC(),
	}
	if stored.contentType == "" {
		stored.contentType = "application/octet-stream"
	}
	p.objects[ref] = stored
	return stored
}

func checkRef(ref string) *refused {
	key := strings.TrimPrefix(ref, "s3://")
	for _, part := range strings.Split(key, "/") {
		odd := part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0)
		if odd && !strings.Contains(key, "://") {
			return refuse(400, "bad_request", "the parts of a ref are neither empty nor . nor .., and without NUL")
		}
	}
	return nil
}

func (p *Platform) object(request *core.GatewayRequest, ref string, body []byte) (*core.GatewayResponse, *refused) {
	if failed := checkRef(ref); failed != nil {
		return nil, failed
	}
	switch request.Method {
	case "PUT":
		contentType, _ := core.Get(request.Header, "content-type")
		stored := p.put(ref, body, contentType)
		return answerJSON(map[string]any{"key": ref, "size": len(body), "etag": stored.etag}), nil
	case "DELETE":
		delete(p.objects, ref)
		return whole(204, nil), nil
	}
	stored, there := p.objects[ref]
	if !there {
		return nil, refuse(404, "not_found", "there is no object %s", ref)
	}
	fields := []core.Field{
		{Name: "Content-Type", Value: stored.contentType},
		{Name: "ETag", Value: stored.etag},
		{Name: "Last-Modified", Value: stored.modified.Format("Mon, 02 Jan 2006 15:04:05 GMT")},
	}
	if request.Method == "HEAD" {
		response := whole(200, nil, fields...)
		response.Length = int64(len(stored.data))
		return response, nil
	}
	return rangeOf(request, stored, fields)
}

func rangeOf(request *core.GatewayRequest, stored *object, fields []core.Field) (*core.GatewayResponse, *refused) {
	asked, ranged := core.Get(request.Header, "range")
	if !ranged {
		return whole(200, stored.data, fields...), nil
	}
	first, last := 0, len(stored.data)-1
	if n, _ := fmt.Sscanf(asked, "bytes=%d-%d", &first, &last); n == 0 || first >= len(stored.data) || last < first {
		return nil, refuse(416, "range_not_satisfiable", "the object has %d bytes", len(stored.data))
	}
	return whole(206, stored.data[first:min(last+1, len(stored.data))], fields...), nil
}

func (p *Platform) list(query url.Values) (*core.GatewayResponse, *refused) {
	listed := []map[string]any{}
	for key, stored := range p.objects {
		if strings.HasPrefix(key, query.Get("prefix")) {
			listed = append(listed, map[string]any{
				"key": key, "size": len(stored.data), "etag": stored.etag, "modified": stored.modified.Format(time.RFC3339),
			})
		}
	}
	sort.Slice(listed, func(i, j int) bool { return listed[i]["key"].(string) < listed[j]["key"].(string) })
	return answerJSON(map[string]any{"objects": listed, "cursor": nil}), nil
}

func (p *Platform) presign(body []byte) (*core.GatewayResponse, *refused) {
	var asked struct {
		Ref, Method string
		ExpiresS    float64 `json:"expires_s"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, refuse(400, "bad_request", "%v", err)
	}
	if failed := checkRef(asked.Ref); failed != nil {
		return nil, failed
	}
	expires := p.now().Add(time.Duration(asked.ExpiresS * float64(time.Second))).UTC()
	return answerJSON(map[string]string{
		"url":        "http://storage.test/" + url.PathEscape(asked.Ref) + "?method=" + asked.Method,
		"expires_at": expires.Format(time.RFC3339),
	}), nil
}
