import { PlatformError, Secret } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import type { ResolveSecrets } from "../../engine.ts";
import { decideRotation, resolveKnown } from "./function-secrets.ts";
import type { SecretObject } from "./kinds.ts";
import { functionWish, revision, revisionWish } from "../test-wishes.ts";

const never = new AbortController().signal;
const store =
  (values: Record<string, string>): ResolveSecrets =>
  async (_, names) => {
    const missing = names.find((name) => values[name] === undefined);
    if (missing !== undefined) throw new PlatformError("missing_secret", missing);
    return new Map(names.map((name) => [name, new Secret(values[name] ?? "")]));
  };
const wants = [revision(1, { secrets: { A: "a", B: "b" } }), revision(2, { secrets: { A: "a" } })];

describe("the secrets of a function", () => {
  it("are those that exist", async () => {
    expect([...(await resolveKnown(store({ a: "1" }), functionWish(), wants, never)).keys()]).toEqual(["a"]);
    expect((await resolveKnown(store({ a: "1", b: "2" }), functionWish(), wants, never)).size).toBe(2);
  });

  it("are not asked for where no revision names one", async () => {
    const broken = (): never => {
      throw new Error("asked");
    };
    expect((await resolveKnown(broken, functionWish(), [revision(1)], never)).size).toBe(0);
  });

  it("cannot be had while their store is away", async () => {
    const away = new PlatformError("secrets_unavailable", "away");
    await expect(resolveKnown(() => Promise.reject(away), functionWish(), wants, never)).rejects.toBe(away);
  });
});

describe("the time of a rotation", () => {
  const live = (value: string, resourceVersion: string): SecretObject => ({
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "fn-embed-document", resourceVersion } },
    data: { a: Buffer.from(value).toString("base64") },
  });
  const fn = functionWish({ secrets: new Map([["a", new Secret("new")]]) });
  const revisions = [revisionWish(revision(1, { secrets: { A: "a" } }))];
  const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

  it("is decided once, also where the Secret that was sent is not seen yet", () => {
    const first = decideRotation(live("old", "7"), fn, revisions, undefined, at(1));
    expect(first.changedAt).toBe("2026-01-01T00:00:01.000Z");
    expect(decideRotation(live("old", "7"), fn, revisions, first, at(2))).toBe(first);
  });

  it("is decided anew where somebody edited the Secret since", () => {
    const first = decideRotation(live("old", "7"), fn, revisions, undefined, at(1));
    expect(decideRotation(live("edited", "8"), fn, revisions, first, at(2)).changedAt).toBe(
      "2026-01-01T00:00:02.000Z",
    );
  });
});
