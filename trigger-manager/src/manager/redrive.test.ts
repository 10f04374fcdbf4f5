import { PlatformError } from "@hanzo-fn/contract";
import type { DeadLetterRow } from "@hanzo-fn/store";
import { expect, it } from "vitest";
import { letterToRedrive } from "./redrive.ts";

const open = new AbortController().signal;

const row = (more: Partial<DeadLetterRow>) =>
  ({
    ...{ id: "dl_1", org: "acme", function: "f", redrivenAt: null },
    ...{ payload: null, payloadRef: "acme/letters/x", ...more },
  }) as DeadLetterRow;

/** Gives pieces, then fails where it has an error. */
const blobsOf = (pieces: readonly string[], error?: unknown) => {
  const asked: string[] = [];
  return {
    asked,
    async *get(key: string) {
      asked.push(key);
      for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece));
      if (error !== undefined) throw error;
    },
  };
};

it("a letter whose payload is in its row is taken as it is, also an empty one", async () => {
  const blobs = blobsOf([]);
  for (const text of ["{}", ""]) {
    const letter = row({ payload: Buffer.from(text), payloadRef: null });
    expect(await letterToRedrive(blobs, letter, open)).toEqual(letter);
  }
  expect(blobs.asked).toEqual([]);
});

it("a payload in the blob store is read whole", async () => {
  const blobs = blobsOf(["ab", "c"]);
  expect(await letterToRedrive(blobs, row({}), open)).toEqual(row({ payload: Buffer.from("abc") }));
  expect(blobs.asked).toEqual(["acme/letters/x"]);
});

it("of a letter that was redriven nothing is read", async () => {
  const blobs = blobsOf(["a"]);
  await expect(letterToRedrive(blobs, row({ redrivenAt: new Date(0) }), open)).rejects.toMatchObject({
    code: "conflict",
    message: "dead letter dl_1 was redriven before",
  });
  expect(blobs.asked).toEqual([]);
});

it("a payload that is gone is a conflict, which trying again does not help", async () => {
  const gone = new PlatformError("not_found", "there is no blob acme/letters/x");
  await expect(letterToRedrive(blobsOf([], gone), row({}), open)).rejects.toMatchObject({
    ...{ code: "conflict", retryable: false, component: "trigger-manager", function: "f" },
    message: "dead letter dl_1 cannot be redriven: its payload is not in the blob store",
    next: "hanzo-fn dead-letters show dl_1",
  });
});

it("a store that does not answer may do so later; what its disk says stays inside", async () => {
  const refused = new PlatformError("forbidden", "the object storage refused it");
  await expect(letterToRedrive(blobsOf(["a"], refused), row({}), open)).rejects.toMatchObject({
    ...{ code: "unavailable", retryable: true, component: "trigger-manager", cause: refused },
    message:
      "dead letter dl_1 was not redriven: its payload cannot be read from the blob store: the object storage refused it",
    next: "hanzo-fn dead-letters redrive dl_1 once the blob store answers",
  });
  const broken = new Error("EIO: /data/blobs/objects/acme");
  await expect(letterToRedrive(blobsOf([], broken), row({}), open)).rejects.toMatchObject({
    code: "unavailable",
    message: "dead letter dl_1 was not redriven: its payload cannot be read from the blob store",
  });
});

it("a store that hangs is waited for until the signal aborts", async () => {
  const reading = Promise.withResolvers<void>();
  const hanging = {
    async *get(): AsyncGenerator<Buffer> {
      reading.resolve();
      yield await new Promise<never>(() => {});
    },
  };
  const late = new AbortController();
  const answer = letterToRedrive(hanging, row({}), late.signal);
  const refused = expect(answer).rejects.toMatchObject({ code: "unavailable" });
  await reading.promise;
  late.abort(new Error("not done in time"));
  await refused;
});
