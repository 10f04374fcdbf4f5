package sdk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// Storage is the object storage: ctx.Storage(). A ref is a key relative to the function's own folder, s3://bucket/key,
// or a URL of the storage endpoint. Every method fails with a *GatewayError, or with the error of the call's context
// where the call was cancelled.
type Storage struct {
	ctx *Context
}

// Storage is the object storage.
func (c *Context) Storage() *Storage { return &Storage{c} }

// Object says what is known of one object.
type Object struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
	ETag string `json:"etag"`
	// ContentType of Head.
	ContentType string `json:"content_type,omitempty"`
	// Modified of Head and List as it came; RFC 3339 in List.
	Modified string `json:"modified,omitempty"`
}

// Range of Storage.Open: the bytes from Start up to and without End; an End of 0 is that of the object.
type Range struct {
	Start int64
	End   int64
}

// PutOptions of Storage.Put.
type PutOptions struct {
	ContentType string
	// Length in bytes of an io.Reader, where it is known.
	Length int64
}

// PresignOptions of Storage.Presign.
type PresignOptions struct {
	// Method is GET (the default) or PUT.
	Method string
	// Expires after this time: one hour unless given; at most 24 hours for GET, one for PUT.
	Expires time.Duration
}

// Get reads a whole object.
func (s *Storage) Get(ref string) ([]byte, error) {
	object, err := s.Open(ref)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	return io.ReadAll(object)
}

// Open reads an object, or a range of it, as a stream that must be closed.
func (s *Storage) Open(ref string, ranges ...Range) (io.ReadCloser, error) {
	request := &core.GatewayRequest{Method: "GET", Target: objectTarget(ref)}
	for _, part := range ranges {
		switch {
		case part.End > part.Start:
			request.Header = []core.Field{{Name: "Range", Value: fmt.Sprintf("bytes=%d-%d", part.Start, part.End-1)}}
		case part.End > 0:
			return io.NopCloser(bytes.NewReader(nil)), nil
		case part.Start > 0:
			request.Header = []core.Field{{Name: "Range", Value: fmt.Sprintf("bytes=%d-", part.Start)}}
		}
	}
	response, err := s.ctx.exchange("Storage", request)
	if err != nil {
		return nil, err
	}
	return &objectReader{s.ctx, response.Body}, nil
}

// objectReader says in the SDK's words what ended an object early.
type objectReader struct {
	ctx  *Context
	body io.ReadCloser
}

func (r *objectReader) Read(into []byte) (int, error) {
	n, err := r.body.Read(into)
	if err != nil && err != io.EOF {
		err = r.ctx.unavailable(err)
	}
	return n, err
}

func (r *objectReader) Close() error { return r.body.Close() }

// Put stores an object: []byte, a string, or an io.Reader of any length. It appears whole or not at all.
func (s *Storage) Put(ref string, data any, options ...PutOptions) (Object, error) {
	request := &core.GatewayRequest{Method: "PUT", Target: objectTarget(ref)}
	switch data := data.(type) {
	case []byte:
		request.Body, request.Length = bytes.NewReader(data), int64(len(data))
	case string:
		request.Body, request.Length = strings.NewReader(data), int64(len(data))
	case io.Reader:
		request.Body, request.Length = data, -1
	default:
		return Object{}, fmt.Errorf("an object is []byte, a string or an io.Reader, not %T", data)
	}
	for _, option := range options {
		if option.ContentType != "" {
			request.Header = []core.Field{{Name: "Content-Type", Value: option.ContentType}}
		}
		if option.Length > 0 && request.Length < 0 {
			request.Length = option.Length
		}
	}
	response, err := s.ctx.exchange("Storage", request)
	if err != nil {
		return Object{}, err
	}
	var object Object
	return object, s.ctx.readAnswer(response, &object)
}

// Head says what is known of an object; nil where there is none.
func (s *Storage) Head(ref string) (*Object, error) {
	response, err := s.ctx.exchange("Storage", &core.GatewayRequest{Method: "HEAD", Target: objectTarget(ref)})
	var refused *GatewayError
	if errors.As(err, &refused) && refused.Status == 404 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	object := &Object{Key: ref, Size: response.Length}
	object.ETag, _ = core.Get(response.Header, "etag")
	object.ContentType, _ = core.Get(response.Header, "content-type")
	object.Modified, _ = core.Get(response.Header, "last-modified")
	return object, nil
}

// Delete removes an object; there need not be one.
func (s *Storage) Delete(ref string) error {
	response, err := s.ctx.exchange("Storage", &core.GatewayRequest{Method: "DELETE", Target: objectTarget(ref)})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// List iterates over the objects whose keys begin with the prefix, page by page. With Go 1.23 or newer:
//
//	for object, err := range ctx.Storage().List("out/") { … }
func (s *Storage) List(prefix string) func(yield func(object Object, err error) bool) {
	return func(yield func(Object, error) bool) {
		target := "/v1/storage/list?prefix=" + url.QueryEscape(prefix)
		for cursor := ""; ; {
			var page struct {
				Objects []Object
				Cursor  *string
			}
			response, err := s.ctx.exchange("Storage", &core.GatewayRequest{Method: "GET", Target: target + cursor})
			if err == nil {
				err = s.ctx.readAnswer(response, &page)
			}
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, object := range page.Objects {
				if !yield(object, nil) {
					return
				}
			}
			if page.Cursor == nil {
				return
			}
			cursor = "&cursor=" + url.QueryEscape(*page.Cursor)
		}
	}
}

// ListAll are all objects whose keys begin with the prefix.
func (s *Storage) ListAll(prefix string) (objects []Object, err error) {
	s.List(prefix)(func(object Object, failed error) bool {
		if err = failed; err == nil {
			objects = append(objects, object)
		}
		return err == nil
	})
	return objects, err
}

// Presign is a URL under which anybody can read or write the object for a while.
func (s *Storage) Presign(ref string, options ...PresignOptions) (string, error) {
	method, expires := "GET", time.Hour
	for _, option := range options {
		if option.Method != "" {
			method = option.Method
		}
		if option.Expires > 0 {
			expires = option.Expires
		}
	}
	var answer struct{ URL string }
	seconds, _ := strconv.ParseFloat(strconv.FormatFloat(expires.Seconds(), 'f', 3, 64), 64)
	err := s.ctx.ask("Storage", "/v1/storage/presign", map[string]any{"ref": ref, "method": method, "expires_s": seconds}, &answer)
	return answer.URL, err
}

func objectTarget(ref string) string { return "/v1/storage/object?ref=" + url.QueryEscape(ref) }
