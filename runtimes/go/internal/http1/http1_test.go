package http1

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseRequestTakesOrdinaryHeads(t *testing.T) {
	request, refusal := ParseRequest("POST /a%20b?x=1 HTTP/1.1\r\nHost: f\r\nContent-Length: 12\r\nX-Own:  a b \t\r\n" +
		"content-type: text/plain\r\nConnection: keep-alive, Close\r\n\r\n")
	if refusal != nil {
		t.Fatal(refusal)
	}
	if request.Method != "POST" || request.Target != "/a%20b?x=1" || request.Minor != 1 || request.Length != 12 ||
		request.KeepAlive || request.ContentType != "text/plain" || request.Fields[2].Value != "a b" {
		t.Errorf("%+v", request)
	}
}

func TestParseRequestReadsWhetherTheConnectionIsKept(t *testing.T) {
	for head, kept := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: f\r\n\r\n":                        true,
		"GET / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n":   false,
		"GET / HTTP/1.0\r\n\r\n":                                   false,
		"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n":         true,
		"GET / HTTP/1.1\r\nHost: f\r\nConnection: Upgrade\r\n\r\n": true,
	} {
		if request, refusal := ParseRequest(head); refusal != nil || request.KeepAlive != kept {
			t.Errorf("%q: %v", head, refusal)
		}
	}
}

func TestParseRequestRefusesWhatCouldBeReadInTwoWays(t *testing.T) {
	for head, status := range map[string]int{
		"GET /\r\nHost: f\r\n\r\n":                                                              400,
		"GET  / HTTP/1.1\r\nHost: f\r\n\r\n":                                                    400,
		"GET / HTTP/2.0\r\nHost: f\r\n\r\n":                                                     505,
		"GET / FTP/1.1\r\nHost: f\r\n\r\n":                                                      400,
		"G(T / HTTP/1.1\r\nHost: f\r\n\r\n":                                                     400,
		"GET /\x01 HTTP/1.1\r\nHost: f\r\n\r\n":                                                 400,
		"GET /ü HTTP/1.1\r\nHost: f\r\n\r\n":                                                    400,
		"GET / HTTP/1.1\r\n\r\n":                                                                400,
		"GET / HTTP/1.1\r\nHost: f\r\nHost: g\r\n\r\n":                                          400,
		"GET / HTTP/1.1\r\nHost : f\r\n\r\n":                                                    400,
		"GET / HTTP/1.1\r\nHost: f\r\n folded\r\n\r\n":                                          400,
		"GET / HTTP/1.1\r\nHost: f\r\nX\r\n\r\n":                                                400,
		"GET / HTTP/1.1\r\nHost: f\r\n: x\r\n\r\n":                                              400,
		"GET / HTTP/1.1\r\nHost: f\r\nX: a\nY: b\r\n\r\n":                                       400,
		"GET / HTTP/1.1\r\nHost: f\r\nX: a\x00\r\n\r\n":                                         400,
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: +1\r\n\r\n":                              400,
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 1, 1\r\n\r\n":                            400,
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: -1\r\n\r\n":                              400,
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length:\r\n\r\n":                                 400,
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 9999999999999999\r\n\r\n":                400,
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n":          400,
		"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
		"POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: gzip, chunked\r\n\r\n":                501,
		"POST / HTTP/1.0\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n":                      501,
		"POST / HTTP/1.1\r\nHost: f\r\nExpect: a miracle\r\n\r\n":                               417,
	} {
		if _, refusal := ParseRequest(head); refusal == nil || refusal.Status != status {
			t.Errorf("%q: %v", head, refusal)
		}
	}
}

func TestParseResponseKnowsHowTheBodyEnds(t *testing.T) {
	for _, one := range []struct {
		head, method string
		status       int
		length       int64
		keeps        bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", 200, 3, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", 200, Chunked, true},
		{"HTTP/1.1 200 \r\n\r\n", "GET", 200, ToTheEnd, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", 200, 0, true},
		{"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "GET", 204, 0, false},
		{"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", "GET", 404, 0, false},
	} {
		response, err := ParseResponse(one.head, one.method)
		if err != nil || response.Status != one.status || response.Length != one.length || response.KeepAlive != one.keeps {
			t.Errorf("%q: %+v %v", one.head, response, err)
		}
	}
	for _, head := range []string{"", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"} {
		if _, err := ParseResponse(head, "GET"); err == nil {
			t.Errorf("%q was taken", head)
		}
	}
}

func TestHeadIsFoundHoweverTheBytesCome(t *testing.T) {
	const sent = "\r\n\r\nGET / HTTP/1.1\r\nHost: f\r\n\r\nGET /second HTTP/1.1\r\nHost: f\r\n\r\n"
	for _, source := range []io.Reader{strings.NewReader(sent), iotest.OneByteReader(strings.NewReader(sent)), iotest.HalfReader(strings.NewReader(sent))} {
		reader := NewReader(source)
		first, err := reader.Head()
		if err != nil || first != "GET / HTTP/1.1\r\nHost: f\r\n\r\n" {
			t.Errorf("%q %v", first, err)
		}
		second, err := reader.Head()
		if err != nil || !strings.HasPrefix(second, "GET /second") {
			t.Errorf("%q %v", second, err)
		}
		if _, err := reader.Head(); err != io.EOF {
			t.Errorf("after the last: %v", err)
		}
	}
}

func TestHeadIsBounded(t *testing.T) {
	reader := NewReader(strings.NewReader("GET / HTTP/1.1\r\nX: " + strings.Repeat("x", MaxHead)))
	var refusal *Refusal
	if _, err := reader.Head(); !errors.As(err, &refusal) || refusal.Status != 431 {
		t.Errorf("%v", err)
	}
	if _, err := NewReader(strings.NewReader("GET /")).Head(); err != io.ErrUnexpectedEOF {
		t.Errorf("a part of a head: %v", err)
	}
}

func TestBodyEndsWhereItsLengthSays(t *testing.T) {
	reader := NewReader(iotest.HalfReader(strings.NewReader("four and more")))
	all, err := io.ReadAll(NewBody(reader, 4))
	if err != nil || string(all) != "four" {
		t.Errorf("%q %v", all, err)
	}
	rest, _ := io.ReadAll(reader)
	if string(rest) != " and more" {
		t.Errorf("left: %q", rest)
	}
	if _, err := io.ReadAll(NewBody(NewReader(strings.NewReader("ab")), 3)); err != io.ErrUnexpectedEOF {
		t.Errorf("a short body: %v", err)
	}
	all, err = io.ReadAll(NewBody(NewReader(strings.NewReader("to the end")), ToTheEnd))
	if err != nil || string(all) != "to the end" {
		t.Errorf("%q %v", all, err)
	}
}

func TestChunkedBodies(t *testing.T) {
	for sent, wanted := range map[string]string{
		"0\r\n\r\n": "",
		"3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\nT: 1\r\nU: 2\r\n\r\n": "abcde",
		"00a ;ext\r\n0123456789\r\n0\r\n\r\n":                      "0123456789",
	} {
		for _, source := range []io.Reader{strings.NewReader(sent), iotest.OneByteReader(strings.NewReader(sent))} {
			all, err := io.ReadAll(NewBody(NewReader(source), Chunked))
			if err != nil || string(all) != wanted {
				t.Errorf("%q: %q %v", sent, all, err)
			}
		}
	}
}

func TestChunkedBodiesThatAreNone(t *testing.T) {
	for _, sent := range []string{
		"\r\n", "g\r\n", "-1\r\n", "+1\r\na\r\n0\r\n\r\n", "0x1\r\na\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n",
		"1 x\r\na\r\n0\r\n\r\n", "1234567890abcdef\r\n", "3\r\nab", "1\r\na\r\n", "1\r\na\r\n0\r\n", "3;" + strings.Repeat("x", 5000) + "\r\nabc\r\n0\r\n\r\n",
		"0\r\n" + strings.Repeat("T: "+strings.Repeat("x", 1000)+"\r\n", 100) + "\r\n", "1;\x01\r\na\r\n0\r\n\r\n",
	} {
		all, err := io.ReadAll(NewBody(NewReader(strings.NewReader(sent)), Chunked))
		if err == nil {
			t.Errorf("%q was taken as %q", sent, all)
		}
	}
}

// Whatever is sent, the parser ends without a panic, and what it takes it takes in the same way in one piece and in many.
func TestParsersSurviveAnything(t *testing.T) {
	seeds := []string{
		"POST /a?b HTTP/1.1\r\nHost: f\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
	}
	random := rand.New(rand.NewPCG(1, 2))
	const letters = "\r\n :;=0123456789abcdefxHTP/.,\x00\xff"
	for round := 0; round < 20000; round++ {
		sent := []byte(seeds[round%2])
		for change := random.IntN(6); change >= 0; change-- {
			at := random.IntN(len(sent))
			switch random.IntN(3) {
			case 0:
				sent[at] = letters[random.IntN(len(letters))]
			case 1:
				sent = append(sent[:at], sent[at+1:]...)
			default:
				sent = append(sent[:at], append([]byte{letters[random.IntN(len(letters))]}, sent[at:]...)...)
			}
		}
		whole, wholeErr := take(bytes.NewReader(sent))
		parts, partsErr := take(iotest.OneByteReader(bytes.NewReader(sent)))
		if whole != parts || (wholeErr == nil) != (partsErr == nil) {
			t.Fatalf("%q: %q %v, in parts %q %v", sent, whole, wholeErr, parts, partsErr)
		}
	}
}

func take(source io.Reader) (string, error) {
	reader := NewReader(source)
	head, err := reader.Head()
	if err != nil {
		return "", err
	}
	request, refusal := ParseRequest(head)
	if refusal != nil {
		return "", refusal
	}
	body, err := io.ReadAll(NewBody(reader, request.Length))
	return request.Method + request.Target + string(body), err
}
