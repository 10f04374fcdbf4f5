import { randomBytes } from "node:crypto";
import { createFakeClock } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { createRevisionTokens, type RevisionIdentity } from "./revision-tokens.ts";

const KEY = Buffer.alloc(32, 7);
const REVISION = { org: "acme", function: "embed", revision: "embed-00003", createdAtMs: 1_700_000_000_000 };

function world(key = KEY) {
  const clock = createFakeClock();
  const asked: RevisionIdentity[] = [];
  const record = { exists: true, away: false };
  const foreign = new Set<string>();
  const tokens = createRevisionTokens({
    key,
    clock,
    isForeign: (org, address) => foreign.has(`${org} ${address}`),
    exists(revision) {
      asked.push(revision);
      return record.away ? Promise.reject(new Error("the database is away")) : Promise.resolve(record.exists);
    },
  });
  return { clock, asked, record, foreign, tokens, token: tokens.tokenFor(REVISION).reveal() };
}

describe("the token of a revision", () => {
  it("stands for the revision, and tells its instances apart by their address", async () => {
    const { tokens, token } = world();
    expect(await tokens.find(token, "10.0.0.1")).toEqual({
      ...{ org: "acme", function: "embed", revision: "embed-00003" },
      instance: "embed-00003@10.0.0.1",
    });
    const again = await tokens.find(token, "10.0.0.1");
    expect(await tokens.find(token, "10.0.0.1")).toBe(again);
    expect(await tokens.find(token, "10.0.0.2")).not.toBe(again);
  });

  it("is the same in every process with the key, and good in each", async () => {
    const [one, other] = [world(), world()];
    expect(one.token).toBe(other.token);
    expect(await other.tokens.find(one.token, "a")).toBeDefined();
  });

  it("is another one where the revision was deleted and made anew under its name", () => {
    const { tokens, token } = world();
    const anew = tokens.tokenFor({ ...REVISION, createdAtMs: REVISION.createdAtMs + 1 });
    expect(anew.reveal()).not.toBe(token);
  });

  it("fits into what the gateway takes for a token", () => {
    const { tokens } = world();
    const long = {
      org: "o".repeat(128),
      function: "f".repeat(40),
      revision: `${"f".repeat(40)}-00001`,
      createdAtMs: 2e12,
    };
    expect(tokens.tokenFor(long).reveal()).toMatch(/^hfr_[A-Za-z0-9_-]{1,400}$/);
  });

  it.each<[string, (token: string) => string]>([
    ["of another platform", () => world(randomBytes(32)).token],
    [
      "with another payload",
      (token) => `hfr_${Buffer.from("evil\0f\0f-00001").toString("base64url")}${token.slice(-43)}`,
    ],
    ["with one character changed", (token) => `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`],
    ["that is cut", (token) => token.slice(0, 40)],
    ["without a payload", (token) => `hfr_${token.slice(-43)}`],
    ["of another kind", () => "hfi_0123"],
  ])("is none %s", async (_, forge) => {
    const { tokens, token, asked } = world();
    expect(await tokens.find(forge(token), "a")).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it("is void once the revision is deleted, five seconds later at most", async () => {
    const { tokens, token, record, clock } = world();
    expect(await tokens.find(token, "a")).toBeDefined();
    record.exists = false;
    await clock.advance(5000);
    expect(await tokens.find(token, "a")).toBeUndefined();
  });

  it("opens nothing for an instance of another organisation, also once it did", async () => {
    const { tokens, token, foreign } = world();
    expect(await tokens.find(token, "10.0.0.1")).toBeDefined();
    foreign.add("acme 10.0.0.1");
    expect(await tokens.find(token, "10.0.0.1")).toBeUndefined();
    expect(await tokens.find(token, "10.0.0.2")).toBeDefined();
  });

  it("does not ask for every call", async () => {
    const { tokens, token, asked } = world();
    for (let call = 0; call < 10; call++) await tokens.find(token, "a");
    expect(asked).toEqual([REVISION]);
  });

  it("stays good while the record cannot be read, and is not taken on trust before", async () => {
    const { tokens, token, record, clock } = world();
    record.away = true;
    await expect(tokens.find(token, "a")).rejects.toThrow("the database is away");
    record.away = false;
    await tokens.find(token, "a");
    record.away = true;
    await clock.advance(60_000);
    expect(await tokens.find(token, "a")).toBeDefined();
  });

  it("needs a key that is long enough", () => {
    expect(() => world(Buffer.alloc(16))).toThrow(RangeError);
  });
});
