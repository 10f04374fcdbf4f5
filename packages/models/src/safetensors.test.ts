import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors } from "./safetensors.ts";
import { safetensorsBytes } from "@hanzo-fn/testkit/models";

describe("readSafetensors", () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "hfn-models-"))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const read = async (bytes: Uint8Array) => {
    const path = join(folder, "w.safetensors");
    await writeFile(path, bytes);
    return readSafetensors(path, "w.safetensors");
  };

  it("tells where each tensor's bytes lie in the file", async () => {
    const bytes = safetensorsBytes({
      a: { shape: [2, 2], values: [1, 2, 3, 4] },
      b: { shape: [1], values: [5] },
    });
    const { tensors } = await read(bytes);
    const { offset, length, shape, dtype } = tensors.get("b") ?? {};
    expect({ length, shape, dtype }).toEqual({ length: 4, shape: [1], dtype: "F32" });
    expect(new DataView(bytes.buffer).getFloat32(offset as number, true)).toBe(5);
  });

  const header = (text: string, data = 0): Uint8Array => {
    const json = Buffer.from(text);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json, Buffer.alloc(data)]);
  };
  it.each([
    ["nothing", new Uint8Array(0), "no plausible length"],
    ["a length beyond the file", Buffer.from("ffffffffffffffff", "hex"), "no plausible length"],
    ["a header that is no JSON", header("{a}"), "no JSON"],
    [
      "a tensor beyond the end",
      header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 4),
      "bytes of a",
    ],
    [
      "a tensor of another size",
      header('{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', 8),
      "bytes of a",
    ],
    ["a negative size", header('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}', 8), "malformed"],
  ])("refuses %s", async (_name, bytes, words) => {
    await expect(read(bytes)).rejects.toThrow(words);
  });
});
