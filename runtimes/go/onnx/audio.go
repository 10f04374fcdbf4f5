package onnx

import (
	"encoding/binary"
	"math"
)

const rate16k = 16_000

type wavLayout struct {
	kind     uint16
	channels int
	rate     int
	bits     int
}

func unsupportedAudio(why string, values ...any) error {
	return fail("unsupported_audio", "this sound cannot be read: "+why+"; give a WAV file (PCM or float)", values...)
}

// samplesOf gives mono samples at 16 kHz of a WAV file.
func samplesOf(data []byte) ([]float32, error) {
	layout, body, err := readWAV(data)
	if err != nil {
		return nil, err
	}
	samples, err := mixed(layout, body)
	if err != nil {
		return nil, err
	}
	return resampled(samples, layout.rate), nil
}

func readWAV(data []byte) (wavLayout, []byte, error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return wavLayout{}, nil, unsupportedAudio("it is no WAV file")
	}
	var layout wavLayout
	var body []byte
	for at := 12; at+8 <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at+4:]))
		chunk := data[at+8 : min(at+8+size, len(data))]
		switch name := string(data[at : at+4]); {
		case name == "fmt " && len(chunk) >= 16:
			layout = wavLayout{
				kind:     binary.LittleEndian.Uint16(chunk),
				channels: int(binary.LittleEndian.Uint16(chunk[2:])),
				rate:     int(binary.LittleEndian.Uint32(chunk[4:])),
				bits:     int(binary.LittleEndian.Uint16(chunk[14:])),
			}
			if layout.kind == 0xFFFE && len(chunk) >= 26 {
				layout.kind = binary.LittleEndian.Uint16(chunk[24:])
			}
		case name == "data":
			body = chunk
		}
		at += 8 + size + size%2
	}
	if body == nil || layout.bits == 0 {
		return layout, nil, unsupportedAudio("it has no format or no sound")
	}
	if layout.channels < 1 || layout.rate < 1 {
		return layout, nil, unsupportedAudio("it has no channels or no rate")
	}
	return layout, body, nil
}

// reader gives a function that reads one sample, -1..1.
func (l wavLayout) reader() (func([]byte) float64, error) {
	const pcm, float = 1, 3
	switch {
	case l.kind == float && l.bits == 32:
		return func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }, nil
	case l.kind == pcm && l.bits == 8:
		return func(b []byte) float64 { return (float64(b[0]) - 128) / 128 }, nil
	case l.kind == pcm && l.bits == 16:
		return func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) / 32768 }, nil
	case l.kind == pcm && l.bits == 24:
		return func(b []byte) float64 {
			return float64(int32(b[0])|int32(b[1])<<8|int32(int8(b[2]))<<16) / 8388608
		}, nil
	case l.kind == pcm && l.bits == 32:
		return func(b []byte) float64 { return float64(int32(binary.LittleEndian.Uint32(b))) / 2147483648 }, nil
	}
	return nil, unsupportedAudio("its samples (format %d, %d bits) are not served", l.kind, l.bits)
}

// mixed is the mean of the channels.
func mixed(layout wavLayout, body []byte) ([]float64, error) {
	read, err := layout.reader()
	if err != nil {
		return nil, err
	}
	width := layout.bits / 8
	frame := width * layout.channels
	samples := make([]float64, len(body)/frame)
	for index := range samples {
		sum := 0.0
		for channel := 0; channel < layout.channels; channel++ {
			sum += read(body[index*frame+channel*width:])
		}
		samples[index] = sum / float64(layout.channels)
	}
	return samples, nil
}

// resampled works by a windowed sinc; the formula is in runtimes/models.md.
func resampled(samples []float64, rate int) []float32 {
	if rate == rate16k {
		out := make([]float32, len(samples))
		for index, sample := range samples {
			out[index] = float32(sample)
		}
		return out
	}
	ratio := float64(rate) / rate16k
	cut := math.Min(1, 1/ratio)
	reach := 16 / cut
	out := make([]float32, int(float64(len(samples))/ratio))
	for index := range out {
		centre := float64(index) * ratio
		last := min(len(samples)-1, int(math.Floor(centre+reach)))
		sum := 0.0
		for at := max(0, int(math.Ceil(centre-reach))); at <= last; at++ {
			sum += samples[at] * kernel(centre-float64(at), cut, reach)
		}
		out[index] = float32(sum)
	}
	return out
}

func kernel(distance, cut, reach float64) float64 {
	if math.Abs(distance) >= reach {
		return 0
	}
	angle := math.Pi * cut * distance
	sinc := 1.0
	if angle != 0 {
		sinc = math.Sin(angle) / angle
	}
	return cut * sinc * (0.5 + 0.5*math.Cos(math.Pi*distance/reach))
}
