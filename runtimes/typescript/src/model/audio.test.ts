import { describe, expect, it } from "vitest";
import { samplesOf } from "./audio.ts";

const [PCM, FLOAT] = [1, 3];

interface Sound {
  readonly kind?: number;
  readonly channels?: number;
  readonly rate?: number;
  readonly bits?: number;
  readonly body: readonly number[] | Uint8Array;
}

function wav({ kind = PCM, channels = 1, rate = 16_000, bits = 16, body }: Sound): Uint8Array {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(kind, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt16LE(bits, 14);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(body.length);
  // A chunk of odd length, which is filled up to an even one.
  const other = Buffer.from("LIST\u0003\0\0\0abc\0data");
  return Buffer.concat([
    Buffer.from("RIFF\0\0\0\0WAVEfmt \u0010\0\0\0"),
    format,
    other,
    size,
    Buffer.from(body),
  ]);
}

describe("samplesOf", () => {
  it.each([
    [PCM, 8, [0, 192]],
    [PCM, 16, [0, 0x80, 0, 0x40]],
    [PCM, 24, [0, 0, 0x80, 0, 0, 0x40]],
    [PCM, 32, [0, 0, 0, 0x80, 0, 0, 0, 0x40]],
    [FLOAT, 32, [0, 0, 0x80, 0xbf, 0, 0, 0, 0x3f]],
  ])("reads samples of format %i with %i bits", (kind, bits, body) => {
    expect([...samplesOf(wav({ kind, bits, body }))]).toEqual([-1, 0.5]);
  });

  it("averages channels", () => {
    const body = [0, 0x40, 0, 0, 0, 0xc0, 0, 0];
    expect([...samplesOf(wav({ channels: 2, body }))]).toEqual([0.25, -0.25]);
  });

  it("keeps the shape of a tone at another rate", () => {
    const tone = (rate: number, at: number) => Math.sin((2 * Math.PI * 440 * at) / rate);
    const source = Float32Array.from({ length: 44_100 }, (_, at) => tone(44_100, at));
    const body = new Uint8Array(source.buffer);
    const samples = samplesOf(wav({ kind: FLOAT, bits: 32, rate: 44_100, body }));
    expect(samples).toHaveLength(16_000);
    const worst = Math.max(
      ...samples.subarray(100, 15_900).map((sample, at) => Math.abs(sample - tone(16_000, at + 100))),
    );
    expect(worst).toBeLessThan(2e-3);
  });

  it("takes samples at 16 kHz as they are", () => {
    const samples = Float32Array.of(0.5, -0.5);
    expect([...samplesOf(samples)]).toEqual([0.5, -0.5]);
  });

  it.each([
    ["another kind of file", Buffer.from("ID3\u0004 some MP3 file")],
    ["nothing", new Uint8Array()],
    ["a header alone", Buffer.from("RIFF\0\0\0\0WAVE")],
    ["no channels", wav({ channels: 0, body: [0, 0] })],
    ["no rate", wav({ rate: 0, body: [0, 0] })],
    ["an odd width", wav({ bits: 12, body: [0, 0] })],
    ["a compressed format", wav({ kind: 7, bits: 8, body: [0] })],
  ])("refuses %s", (_, data) => {
    expect(() => samplesOf(data)).toThrow(expect.objectContaining({ code: "unsupported_audio" }) as Error);
  });
});
