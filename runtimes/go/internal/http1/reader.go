package http1

import (
	"bytes"
	"io"
)

const (
	startSize = 4096
	// MaxAhead is what may be read ahead of its turn.
	MaxAhead = MaxHead
	maxLine  = 4096
)

// Reader buffers what comes on a connection. It may be used by one goroutine at a time.
type Reader struct {
	source io.Reader
	buffer []byte
	start  int
	end    int
}

// NewReader reads from a connection.
func NewReader(source io.Reader) *Reader {
	return &Reader{source: source, buffer: make([]byte, startSize)}
}

// Buffered is what was read and not yet taken; it is valid until the next call.
func (r *Reader) Buffered() []byte { return r.buffer[r.start:r.end] }

// Skip takes n buffered bytes.
func (r *Reader) Skip(n int) {
	r.start += n
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
}

// Read takes what is buffered, else reads from the connection.
func (r *Reader) Read(into []byte) (int, error) {
	if held := r.Buffered(); len(held) > 0 {
		n := copy(into, held)
		r.Skip(n)
		return n, nil
	}
	return r.source.Read(into)
}

// Fill reads once. It reports whether there was room for it: never more than MaxAhead bytes are held.
func (r *Reader) Fill() (room bool, err error) {
	if r.end == len(r.buffer) {
		if r.start > 0 {
			r.end = copy(r.buffer, r.buffer[r.start:r.end])
			r.start = 0
		} else if len(r.buffer) < MaxAhead {
			larger := make([]byte, len(r.buffer)*2)
			copy(larger, r.buffer[:r.end])
			r.buffer = larger
		} else {
			return false, nil
		}
	}
	n, err := r.source.Read(r.buffer[r.end:])
	r.end += n
	if n > 0 {
		err = nil
	}
	return true, err
}

// Shrink gives the memory of a large head back.
func (r *Reader) Shrink() {
	if len(r.buffer) > 2*startSize && r.end-r.start <= startSize {
		small := make([]byte, startSize)
		r.end = copy(small, r.buffer[r.start:r.end])
		r.start = 0
		r.buffer = small
	}
}

// Head waits for a whole head and takes it, blank line included. io.EOF before its first byte, io.ErrUnexpectedEOF
// in it; a *Refusal where it is too large.
func (r *Reader) Head() (string, error) {
	searched := 0
	for {
		for bytes.HasPrefix(r.Buffered(), []byte("\r\n")) {
			// An empty line before a request line is allowed.
			r.Skip(2)
			searched = 0
		}
		held := r.Buffered()
		if at := bytes.Index(held[searched:], []byte("\r\n\r\n")); at >= 0 {
			head := string(held[:searched+at+4])
			r.Skip(len(head))
			return head, nil
		}
		searched = max(0, len(held)-3)
		room, err := r.Fill()
		if err != nil {
			if err == io.EOF && len(held) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		if !room {
			return "", Refuse(431, "head_too_large", "the request head is larger than %d bytes", MaxHead)
		}
	}
}

func (r *Reader) line() ([]byte, error) {
	for {
		held := r.Buffered()
		at := bytes.IndexByte(held, '\n')
		if at > maxLine || at < 0 && len(held) > maxLine {
			return nil, malformed("a line of the chunked body is too long")
		}
		if at >= 0 {
			if at == 0 || held[at-1] != '\r' {
				return nil, malformed("a line of the chunked body is malformed")
			}
			r.Skip(at + 1)
			return held[:at-1], nil
		}
		if _, err := r.Fill(); err != nil {
			return nil, broken(err)
		}
	}
}

func broken(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Body reads the body of one message, and not beyond it.
type Body struct {
	reader *Reader
	// left are the bytes to come: of the body, or of the chunk; -1 where the end of the connection ends it.
	left    int64
	chunked bool
	begun   bool
	trailer int
	err     error
}

// NewBody is the body of this length, Chunked or ToTheEnd.
func NewBody(reader *Reader, length int64) *Body {
	switch length {
	case Chunked:
		return &Body{reader: reader, chunked: true}
	case ToTheEnd:
		return &Body{reader: reader, left: -1}
	}
	return &Body{reader: reader, left: length}
}

// Read gives io.EOF at the end, io.ErrUnexpectedEOF where the connection ended before it, and a *Refusal for bad
// framing.
func (b *Body) Read(into []byte) (int, error) {
	if b.err == nil && b.chunked && b.left == 0 {
		b.err = b.nextChunk()
	}
	if b.err == nil && !b.chunked && b.left == 0 {
		b.err = io.EOF
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.left > 0 && int64(len(into)) > b.left {
		into = into[:b.left]
	}
	if len(into) == 0 {
		return 0, nil
	}
	n, err := b.take(into)
	if err != nil && !(b.left < 0 && err == io.EOF) {
		err = broken(err)
	}
	b.err = err
	if b.left > 0 {
		b.left -= int64(n)
	}
	return n, err
}

func (b *Body) take(into []byte) (int, error) {
	held := b.reader.Buffered()
	if len(held) == 0 {
		if len(into) >= startSize {
			n, err := b.reader.source.Read(into)
			if n > 0 {
				err = nil
			}
			return n, err
		}
		if _, err := b.reader.Fill(); err != nil {
			return 0, err
		}
		held = b.reader.Buffered()
	}
	n := copy(into, held)
	b.reader.Skip(n)
	return n, nil
}

func (b *Body) nextChunk() error {
	if b.begun {
		line, err := b.reader.line()
		if err != nil {
			return err
		}
		if len(line) > 0 {
			return malformed("a chunk does not end where its size says")
		}
	}
	b.begun = true
	line, err := b.reader.line()
	if err != nil {
		return err
	}
	size, valid := chunkSize(line)
	if !valid {
		return malformed("a chunk size is malformed")
	}
	b.left = size
	if size > 0 {
		return nil
	}
	for {
		line, err := b.reader.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
		if b.trailer += len(line); b.trailer > MaxHead {
			return Refuse(431, "head_too_large", "the trailers are too large")
		}
	}
}

func chunkSize(line []byte) (int64, bool) {
	var size int64
	digits := 0
	for ; digits < len(line); digits++ {
		c := line[digits]
		switch {
		case '0' <= c && c <= '9':
			size = size<<4 | int64(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			size = size<<4 | int64(c|0x20-'a'+10)
		default:
			rest := bytes.TrimLeft(line[digits:], " \t")
			return size, digits > 0 && len(rest) > 0 && rest[0] == ';' && IsValue(string(rest))
		}
		if digits >= 15 {
			return 0, false
		}
	}
	return size, digits > 0
}
