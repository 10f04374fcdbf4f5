package onnx

import (
	"encoding/binary"
	"math"
	"testing"
)

func wav(rate, channels, bits int, kind uint16, body []byte) []byte {
	head := make([]byte, 44)
	copy(head, "RIFF")
	copy(head[8:], "WAVEfmt ")
	binary.LittleEndian.PutUint32(head[16:], 16)
	binary.LittleEndian.PutUint16(head[20:], kind)
	binary.LittleEndian.PutUint16(head[22:], uint16(channels))
	binary.LittleEndian.PutUint32(head[24:], uint32(rate))
	binary.LittleEndian.PutUint16(head[34:], uint16(bits))
	copy(head[36:], "data")
	binary.LittleEndian.PutUint32(head[40:], uint32(len(body)))
	return append(head, body...)
}

func TestSamplesOfEveryWidth(t *testing.T) {
	half := map[string][]byte{
		"8 bits":  wav(rate16k, 1, 8, 1, []byte{192}),
		"16 bits": wav(rate16k, 1, 16, 1, []byte{0, 64}),
		"24 bits": wav(rate16k, 1, 24, 1, []byte{0, 0, 64}),
		"32 bits": wav(rate16k, 1, 32, 1, []byte{0, 0, 0, 64}),
		"floats":  wav(rate16k, 1, 32, 3, binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.5))),
		"stereo":  wav(rate16k, 2, 16, 1, []byte{0, 127, 0, 1}),
	}
	for name, data := range half {
		samples, err := samplesOf(data)
		if err != nil || len(samples) != 1 || math.Abs(float64(samples[0])-0.5) > 1e-6 {
			t.Errorf("%s: %v, %v", name, samples, err)
		}
	}
}

func TestResamplingKeepsATone(t *testing.T) {
	body := make([]byte, 0, 44_100*2)
	for at := 0; at < 44_100; at++ {
		value := int16(16_000 * math.Sin(2*math.Pi*440*float64(at)/44_100))
		body = binary.LittleEndian.AppendUint16(body, uint16(value))
	}
	samples, err := samplesOf(wav(44_100, 1, 16, 1, body))
	if err != nil || len(samples) != rate16k {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	for at := 200; at < len(samples)-200; at++ {
		want := 16_000.0 / 32_768 * math.Sin(2*math.Pi*440*float64(at)/rate16k)
		if math.Abs(float64(samples[at])-want) > 1e-3 {
			t.Fatalf("sample %d is %v instead of %v", at, samples[at], want)
		}
	}
}

func TestWhatIsNoSoundIsRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing":   nil,
		"an MP3":    []byte("ID3\x03aaaaaaaaaaaaaaaaaaaaaaa"),
		"cut":       []byte("RIFF\x00\x00\x00\x00WAVEfmt "),
		"12 bits":   wav(rate16k, 1, 12, 1, []byte{1, 2}),
		"no rate":   wav(0, 1, 16, 1, []byte{1, 2}),
		"A-law":     wav(rate16k, 1, 8, 6, []byte{1}),
		"no stereo": wav(rate16k, 0, 16, 1, []byte{1, 2}),
	} {
		samples, err := samplesOf(data)
		if failed, ok := err.(*Error); !ok || failed.Code != "unsupported_audio" {
			t.Errorf("%s: %v, %v", name, samples, err)
		}
	}
}
