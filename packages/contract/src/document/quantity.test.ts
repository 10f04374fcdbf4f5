import { describe, expect, it } from "vitest";
import { formatBytes, parseCpu, parseQuantity } from "./quantity.ts";

describe("quantities", () => {
  it.each([
    ["256Mi", 268_435_456],
    ["1Gi", 1_073_741_824],
    ["1.5Gi", 1_610_612_736],
    ["500M", 500_000_000],
    ["128k", 128_000],
    ["1e9", 1_000_000_000],
    ["123", 123],
  ])("reads %s as %d bytes", (text, expected) => {
    expect(parseQuantity(text)).toBe(expected);
  });

  it.each(["", "Mi", "-1Gi", "1 Gi", "1GB", "1gi", "1e99", "9999999999Ei", "NaN", "0x10", "1Gi1"])(
    "does not take %j for bytes",
    (text) => {
      expect(parseQuantity(text)).toBeUndefined();
    },
  );

  it.each([
    ["250m", 250],
    ["0.5", 500],
    ["2", 2000],
    ["0.1", 100],
    ["1.0005", 1001],
  ])("reads %s as %d thousandths of a core", (text, expected) => {
    expect(parseCpu(text)).toBe(expected);
  });

  it.each(["", "m", "-1", "1c", "half", "1e3"])("does not take %j for CPU", (text) => {
    expect(parseCpu(text)).toBeUndefined();
  });

  it.each([
    [268_435_456, "256Mi"],
    [1_610_612_736, "1536Mi"],
    [500_000_000, "500000000"],
  ])("writes %d bytes as %s", (value, expected) => {
    expect(formatBytes(value)).toBe(expected);
  });
});
