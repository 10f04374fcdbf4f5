//! WAV files to samples at 16 kHz.

use std::f64::consts::PI;

use super::errors::unsupported_audio;
use super::ModelError;

pub(super) const RATE: usize = 16_000;
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

#[derive(Clone, Copy)]
struct Layout {
    kind: u16,
    channels: usize,
    rate: usize,
    bits: usize,
}

fn unsupported(why: &str) -> ModelError {
    unsupported_audio(format!(
        "this sound cannot be read: {why}; give a WAV file (PCM or float)"
    ))
}

/// Mono samples at 16 kHz of a WAV file.
pub(super) fn samples_of(data: &[u8]) -> Result<Vec<f32>, ModelError> {
    let (layout, body) = read_wav(data)?;
    let samples = mixed(layout, body)?;
    Ok(resampled(&samples, layout.rate))
}

fn u16_at(data: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([data[at], data[at + 1]])
}

fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
}

fn read_wav(data: &[u8]) -> Result<(Layout, &[u8]), ModelError> {
    if data.len() < 12 || &data[..4] != b"RIFF" || &data[8..12] != b"WAVE" {
        return Err(unsupported("it is no WAV file"));
    }
    let (mut layout, mut body, mut at) = (None, None, 12);
    while at + 8 <= data.len() {
        let size = u32_at(data, at + 4) as usize;
        let chunk = &data[at + 8..data.len().min(at + 8 + size)];
        match &data[at..at + 4] {
            b"fmt " if chunk.len() >= 16 => layout = Some(read_layout(chunk)),
            b"data" => body = Some(chunk),
            _ => {}
        }
        at += 8 + size + size % 2;
    }
    let (Some(layout), Some(body)) = (layout, body) else {
        return Err(unsupported("it has no format or no sound"));
    };
    if layout.channels == 0 || layout.rate == 0 {
        return Err(unsupported("it has no channels or no rate"));
    }
    Ok((layout, body))
}

fn read_layout(chunk: &[u8]) -> Layout {
    let kind = u16_at(chunk, 0);
    let extended = kind == EXTENSIBLE && chunk.len() >= 26;
    Layout {
        kind: if extended { u16_at(chunk, 24) } else { kind },
        channels: usize::from(u16_at(chunk, 2)),
        rate: u32_at(chunk, 4) as usize,
        bits: usize::from(u16_at(chunk, 14)),
    }
}

/// Reads one sample, -1..1.
fn reader(layout: Layout) -> Result<fn(&[u8]) -> f64, ModelError> {
    match (layout.kind, layout.bits) {
        (FLOAT, 32) => Ok(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
        (PCM, 8) => Ok(|b| (f64::from(b[0]) - 128.0) / 128.0),
        (PCM, 16) => Ok(|b| f64::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0),
        (PCM, 24) => Ok(|b| f64::from(i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8) / 8_388_608.0),
        (PCM, 32) => Ok(|b| f64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])) / 2_147_483_648.0),
        (kind, bits) => Err(unsupported(&format!(
            "its samples (format {kind}, {bits} bits) are not served"
        ))),
    }
}

/// The mean of the channels.
fn mixed(layout: Layout, body: &[u8]) -> Result<Vec<f64>, ModelError> {
    let read = reader(layout)?;
    let width = layout.bits / 8;
    let frames = body.chunks_exact(width * layout.channels);
    Ok(frames
        .map(|frame| frame.chunks(width).map(read).sum::<f64>() / layout.channels as f64)
        .collect())
}

/// By a windowed sinc; the formula is in runtimes/models.md.
fn resampled(samples: &[f64], rate: usize) -> Vec<f32> {
    if rate == RATE {
        return samples.iter().map(|sample| *sample as f32).collect();
    }
    let ratio = rate as f64 / RATE as f64;
    let cut = (1.0 / ratio).min(1.0);
    let reach = 16.0 / cut;
    let count = (samples.len() as f64 / ratio) as usize;
    (0..count)
        .map(|index| {
            let centre = index as f64 * ratio;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let end = samples.len().min((centre + reach).floor() as usize + 1);
            let sum: f64 = (first..end)
                .map(|at| samples[at] * kernel(centre - at as f64, cut, reach))
                .sum();
            sum as f32
        })
        .collect()
}

fn kernel(distance: f64, cut: f64, reach: f64) -> f64 {
    if distance.abs() >= reach {
        return 0.0;
    }
    let angle = PI * cut * distance;
    let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
    cut * sinc * (0.5 + 0.5 * (PI * distance / reach).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(kind: u16, channels: u16, rate: u32, bits: u16, body: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        for value in [kind, channels] {
            file.extend(value.to_le_bytes());
        }
        file.extend(rate.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        // A chunk of odd length, which is filled up to an even one.
        file.extend(b"LIST\x03\0\0\0abc\0data");
        file.extend((body.len() as u32).to_le_bytes());
        file.extend(body);
        file
    }

    #[test]
    fn samples_of_every_width_are_between_minus_one_and_one() {
        let cases: [(u16, u16, &[u8], f32); 5] = [
            (PCM, 8, &[0, 192], 0.5),
            (PCM, 16, &[0, 0x80, 0, 0x40], 0.5),
            (PCM, 24, &[0, 0, 0x80, 0, 0, 0x40], 0.5),
            (PCM, 32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40], 0.5),
            (FLOAT, 32, &[0, 0, 0x80, 0xBF, 0, 0, 0, 0x3F], 0.5),
        ];
        for (kind, bits, body, second) in cases {
            assert_eq!(
                samples_of(&wav(kind, 1, 16_000, bits, body)).unwrap(),
                [-1.0, second],
                "{bits} bits"
            );
        }
    }

    #[test]
    fn channels_are_averaged() {
        let stereo = wav(PCM, 2, 16_000, 16, &[0, 0x40, 0, 0, 0, 0xC0, 0, 0]);
        assert_eq!(samples_of(&stereo).unwrap(), [0.25, -0.25]);
    }

    #[test]
    fn a_tone_keeps_its_shape_at_another_rate() {
        let tone = |rate: usize, at: usize| (2.0 * PI * 440.0 * at as f64 / rate as f64).sin();
        let body: Vec<u8> = (0..44_100)
            .flat_map(|at| (tone(44_100, at) as f32).to_le_bytes())
            .collect();
        let samples = samples_of(&wav(FLOAT, 1, 44_100, 32, &body)).unwrap();
        assert_eq!(samples.len(), 16_000);
        for at in 100..15_900 {
            assert!(
                (f64::from(samples[at]) - tone(RATE, at)).abs() < 2e-3,
                "sample {at}"
            );
        }
    }

    #[test]
    fn what_is_no_wav_of_a_known_kind_is_refused() {
        let cases = [
            b"ID3\x04 some MP3 file".to_vec(),
            Vec::new(),
            b"RIFF\0\0\0\0WAVE".to_vec(),
            wav(PCM, 0, 16_000, 16, &[0, 0]),
            wav(PCM, 1, 0, 16, &[0, 0]),
            wav(PCM, 1, 16_000, 12, &[0, 0]),
            wav(7, 1, 8_000, 8, &[0]),
        ];
        for case in cases {
            assert_eq!(samples_of(&case).unwrap_err().code, "unsupported_audio");
        }
    }
}
