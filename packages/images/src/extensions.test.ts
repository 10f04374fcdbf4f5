import { expect, it } from "vitest";
import { foreignExtension } from "./extensions.ts";

it("compiled modules of another Python are found, others are let through", () => {
  const names = [
    "six.py",
    "numpy/_core/_simd.cpython-311-x86_64-linux-gnu.so",
    "tokenizers/tokenizers.abi3.so",
    "lib/libonnxruntime.so.1",
  ];
  expect(foreignExtension(names, "3.11")).toBeUndefined();
  expect(foreignExtension(names, "3.12")).toEqual({ name: names[1], version: "3.11" });
  expect(foreignExtension(["a/b.cpython-313t-x86_64-linux-gnu.so"], "3.11")?.version).toBe("3.13");
});
