import { PlatformError } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { nextDeadline, revisionStatus, statusSignature, type KnownRevision } from "./status.ts";
import { revision } from "../test-wishes.ts";

const NOW = Date.parse("2026-01-01T00:01:00Z");
const CREATED = "2026-01-01T00:00:10Z";
const IMAGE = `registry.example/f@sha256:${"a".repeat(64)}`;
const PUBLISHED = { image: IMAGE, phasesMs: { build: 31, push: 12 }, warnings: ["of the build"] };

function conditions(status: "True" | "False" | "Unknown", reason = "") {
  return {
    metadata: { name: "embed-document-00001", generation: 1, creationTimestamp: CREATED },
    status: {
      observedGeneration: 1,
      conditions: [{ type: "Ready", status, reason, lastTransitionTime: "2026-01-01T00:00:13Z" }],
    },
  };
}

function known(
  more: Partial<KnownRevision> = {},
  observed: Partial<KnownRevision["observed"]> = {},
): KnownRevision {
  return {
    ...{ desired: revision(1), publication: undefined, trouble: undefined, image: undefined },
    ...{ sentAtMs: undefined, startMs: undefined, warnings: [] },
    ...more,
    observed: {
      ...{ pods: [], events: [], deploymentConditions: [], logTail: [], progressDeadlineMs: 120_000 },
      ...observed,
    },
  };
}

const at = (item: KnownRevision, nowMs = NOW) => revisionStatus(item, new Date(nowMs));
const DONE = { publication: { state: "done", published: PUBLISHED }, image: IMAGE } as const;
const unreachable = new PlatformError("registry_unreachable", "the registry is away", { next: "mend it" });
const refused = new PlatformError("object_rejected", "the webhook says no", { next: "change it" });

describe("the state of a revision", () => {
  it("is pending, building, starting and ready, with what each took", () => {
    expect(at(known()).state).toBe("pending");
    expect(at(known({ publication: { state: "running" } })).state).toBe("building");
    expect(at(known({ ...DONE, image: undefined })).state).toBe("building");
    expect(at(known(DONE)).state).toBe("starting");
    expect(at(known(DONE, { revision: conditions("Unknown") })).state).toBe("starting");
    const ready = at(
      known({ ...DONE, startMs: 2345, warnings: ["of the wish"] }, { revision: conditions("True") }),
    );
    expect(ready).toMatchObject({
      state: "ready",
      phasesMs: { build: 31, push: 12, start: 2345 },
      image: IMAGE,
    });
    expect(ready.warnings).toEqual(["of the build", "of the wish"]);
  });

  it("knows how long the start took to the second where it did not see it", () => {
    expect(at(known({}, { revision: conditions("True") })).phasesMs).toEqual({ start: 3000 });
  });

  it("of a proven revision is ready, whatever is there and before anything is known", () => {
    expect(at(known({ desired: revision(1, { proven: true }) })).state).toBe("ready");
  });

  it("fails with what the build or the API server refused", () => {
    const failed = at(
      known({ publication: { state: "failed", error: refused, atMs: 0 } }, { logTail: ["bye"] }),
    );
    expect(failed).toMatchObject({ state: "failed", failure: { code: "object_rejected", logTail: ["bye"] } });
    expect(failed.failure?.message).toBe("the webhook says no; change it");
    expect(at(known({ ...DONE, trouble: { error: refused, sinceMs: NOW } })).state).toBe("failed");
  });

  it("waits with a warning for what may pass, until the deadline", () => {
    const waiting = known({ ...DONE, trouble: { error: unreachable, sinceMs: NOW } });
    expect(at(waiting)).toMatchObject({
      state: "starting",
      warnings: ["of the build", "registry_unreachable: the registry is away; mend it"],
    });
    expect(at(waiting, NOW + 150_000).state).toBe("starting");
    expect(at(waiting, NOW + 150_001)).toMatchObject({
      state: "failed",
      failure: { code: "registry_unreachable" },
    });
    expect(nextDeadline(waiting)).toBe(NOW + 150_000);
  });

  it("fails where Knative makes no Revision of the template", () => {
    const sent = known({ ...DONE, sentAtMs: NOW });
    expect(at(sent, NOW + 150_000).state).toBe("starting");
    expect(at(sent, NOW + 150_001)).toMatchObject({ state: "failed", failure: { code: "start_timeout" } });
    expect(
      at(known({ ...DONE, sentAtMs: NOW }, { revision: conditions("Unknown") }), NOW + 150_001),
    ).toMatchObject({
      state: "starting",
    });
  });

  it("of a ready revision stays ready where it cannot be changed, and says why", () => {
    const proven = { desired: revision(1, { proven: true }), trouble: { error: refused, sinceMs: NOW } };
    expect(at(known(proven, { revision: conditions("True") }))).toMatchObject({
      state: "ready",
      failure: { code: "object_rejected" },
    });
  });

  it("is news where state, failure or warnings changed, and not where instances come and go", () => {
    const ready = known(DONE, { revision: conditions("True") });
    const pods = [{ metadata: { name: "p" } }];
    const more = { ...ready, observed: { ...ready.observed, pods } };
    expect(at(more).instances).toHaveLength(1);
    expect(statusSignature(at(more))).toBe(statusSignature(at(ready)));
    expect(statusSignature(at({ ...ready, warnings: ["w"] }))).not.toBe(statusSignature(at(ready)));
  });
});
