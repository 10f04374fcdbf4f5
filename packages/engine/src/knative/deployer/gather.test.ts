import { Secret } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import type { DesiredFunction, DesiredRevision } from "../../engine.ts";
import { canPlan, gather, imageOf, isAnother, keptRevisions } from "./gather.ts";
import type { RevisionObject } from "./kinds.ts";
import { SOURCE_ANNOTATION } from "../labels.ts";
import type { LiveCluster } from "./observe.ts";
import { functionWish, revision } from "../test-wishes.ts";

const IMAGE = `registry.example/f@sha256:${"a".repeat(64)}`;
const { scaling } = functionWish();

function wish(...revisions: DesiredRevision[]): DesiredFunction {
  return { org: "hanzo", function: "embed-document", scaling, revisions };
}

function live(...numbers: number[]): LiveCluster {
  const revisions = numbers.map((number): RevisionObject => {
    const { ref, sourceDigest } = revision(number);
    const metadata = {
      name: ref.name,
      uid: `uid-${number}`,
      annotations: { [SOURCE_ANNOTATION]: sourceDigest },
    };
    const spec = { containers: [{ name: "queue" }, { name: "function", image: IMAGE }] };
    return { apiVersion: "serving.knative.dev/v1", kind: "Revision", metadata, spec };
  });
  return { service: undefined, objects: [], revisions, deployments: new Map() };
}

function gathered(revisions: DesiredRevision[], more: Partial<Parameters<typeof gather>[0]> = {}) {
  const images = new Map(revisions.map(({ ref }) => [ref.name, IMAGE]));
  const kept = { desired: wish(...revisions), kept: revisions, live: live(), secrets: new Map(), images };
  return gather({ ...kept, tokens: new Map(), ...more });
}

describe("what is planned for", () => {
  it("is every revision that has an image; the others are published first", () => {
    const result = gathered([revision(1), revision(2)], {
      images: new Map([["embed-document-00001", IMAGE]]),
    });
    expect(result.revisions.map(({ desired }) => desired.ref.number)).toEqual([1]);
    expect(result.unpublished.map(({ ref }) => ref.number)).toEqual([2]);
  });

  it("is nothing while a revision with traffic has no image: its share would go to another", () => {
    const both = [revision(1, { percent: 100, proven: true }), revision(2, { proven: true })];
    const images = new Map([["embed-document-00002", IMAGE]]);
    expect(canPlan(gathered(both, { images }), both)).toBe(false);
    expect(canPlan(gathered(both), both)).toBe(true);
    const other = new Map([["embed-document-00001", IMAGE]]);
    expect(canPlan(gathered(both, { images: other }), both)).toBe(true);
    expect(canPlan(gathered([]), [])).toBe(false);
  });

  it("has owners and tokens of what exists", () => {
    const token = new Secret("t");
    const result = gathered([revision(1)], {
      live: live(1),
      tokens: new Map([["embed-document-00001", token]]),
    });
    expect(result.revisions[0]).toMatchObject({
      owner: { kind: "Revision", uid: "uid-1" },
      gatewayToken: token,
    });
  });

  it("holds a revision back that names a secret which does not exist, and not one that is there already", () => {
    const wants = revision(1, { secrets: { KEY: "api-key" } });
    const result = gathered([wants]);
    expect(result.held.get("embed-document-00001")).toMatchObject({
      code: "missing_secret",
      next: "hanzo-fn secrets set api-key",
    });
    expect([result.revisions, result.unpublished]).toEqual([[], []]);
    const there = gathered([wants], { live: live(1) });
    expect(there.held.size).toBe(0);
    expect(there.revisions[0]?.desired.secrets).toEqual({});
  });

  it("takes the image from the container of the function", () => {
    expect(imageOf(live(1).revisions[0])).toBe(IMAGE);
    expect(imageOf(undefined)).toBeUndefined();
  });
});

describe("a revision of the same name", () => {
  it("from other source is of another function", () => {
    expect(isAnother(wish(revision(1)), live(1, 2))).toBe(false);
    expect(isAnother(wish(revision(1, { sourceDigest: "sha256:other" })), live(1))).toBe(true);
    expect(isAnother(wish(revision(2, { sourceDigest: "sha256:other" })), live(1))).toBe(false);
  });
});

describe("the revisions that the cluster keeps", () => {
  const day = 86_400_000;
  const retention = { revisions: 1, minAgeMs: day };
  const old = (number: number, more: Partial<DesiredRevision> = {}) =>
    revision(number, { proven: true, createdAtMs: 0, ...more });
  const numbers = (...revisions: DesiredRevision[]) =>
    keptRevisions(wish(...revisions), retention, 3 * day).map(({ ref }) => ref.number);

  it("are those with traffic, the one before, the newest ones and the young ones", () => {
    const previous = old(2, { lastTrafficAtMs: day });
    expect(numbers(old(1), previous, old(3), old(4, { percent: 100 }), old(5))).toEqual([2, 3, 4, 5]);
    expect(numbers(old(1, { createdAtMs: 3 * day }), old(2), old(3), old(4))).toEqual([1, 3, 4]);
  });

  it("are all those that are not proven, or whose age nobody knows", () => {
    expect(
      numbers(old(1, { proven: false }), old(2, { createdAtMs: undefined }), old(3), old(4), old(5)),
    ).toEqual([1, 2, 4, 5]);
  });
});
