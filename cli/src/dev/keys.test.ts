import { PassThrough } from "node:stream";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, test, vi } from "vitest";
import { type KeyAction, keyHelp, readKeys, type Terminal } from "./keys.ts";

function terminal(): Terminal & PassThrough & { raw: boolean[] } {
  const raw: boolean[] = [];
  return Object.assign(new PassThrough(), { isTTY: true, raw, setRawMode: (on: boolean) => raw.push(on) });
}

function actions(seen: string[]): KeyAction[] {
  const quiet = ["e", "r"].map((key) => ({ key, meaning: `does ${key}`, run: () => void seen.push(key) }));
  return [...quiet, { key: "x", meaning: "fails", run: () => Promise.reject(new Error("no")) }];
}

test("on a terminal every key counts, Ctrl-C interrupts, and the terminal is given back as it was", async () => {
  const input = terminal();
  const seen: string[] = [];
  const onInterrupt = vi.fn<() => void>();
  const onError = vi.fn<(error: unknown) => void>();
  const restore = readKeys(input, actions(seen), { lines: false, onInterrupt, onError });
  input.write("eRz\u0003x");
  await waitFor("the error", () => onError.mock.calls.length > 0);
  expect([seen, onInterrupt.mock.calls.length]).toEqual([["e", "r"], 1]);
  restore();
  expect(input.raw).toEqual([true, false]);
});

test("without a terminal input is left alone, unless lines are asked for", async () => {
  const seen: string[] = [];
  const ignored = new PassThrough();
  readKeys(ignored, actions(seen), { lines: false, onInterrupt: () => {}, onError: () => {} });
  ignored.write("e\n");
  const read = new PassThrough();
  const restore = readKeys(read, actions(seen), { lines: true, onInterrupt: () => {}, onError: () => {} });
  read.write(" reload\n\ne\n");
  await waitFor("both", () => seen.length === 2);
  expect(seen).toEqual(["r", "e"]);
  restore();
});

test("the help has a line for each key", () => {
  expect(keyHelp(actions([])).split("\n")).toEqual(["  e  does e", "  r  does r", "  x  fails"]);
});
