import { createFakeClock, recordingLog, settle } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { createFakeWatches } from "../../../test/fake-watches.ts";
import { settingsOf } from "../test-wishes.ts";
import { createKnativeIngress } from "./ingress.ts";
import { INGRESSES, type Ingress, type IngressStatus } from "./kinds.ts";

const CLASS = "functions.ingress.networking.knative.dev";

function ingress(ingressClass = CLASS): Ingress {
  const splits = [{ serviceNamespace: "fns", serviceName: "f-00001", percent: 100 }];
  return {
    ...INGRESSES,
    metadata: {
      name: "f",
      namespace: "fns",
      generation: 1,
      annotations: { "networking.knative.dev/ingress.class": ingressClass },
    },
    spec: { rules: [{ http: { paths: [{ splits }] } }] },
  };
}

async function world(failures = 0) {
  const clock = createFakeClock();
  const watches = createFakeWatches();
  const written: IngressStatus[] = [];
  const known = new Set<string>();
  const listeners: ((place: string) => void)[] = [];
  const log = recordingLog();
  const controller = createKnativeIngress(
    {
      kubernetes: {
        watchObjects: watches.watchObjects,
        patchStatus(_, __, patch) {
          if (failures-- > 0) return Promise.reject(new Error("the API server is away"));
          if (patch.type === "merge") written.push((patch.merge as { status: IngressStatus }).status);
          return Promise.resolve(undefined as never);
        },
      },
      revisions: {
        knows: (place) => known.has(place),
        onRevision: (listener) => void listeners.push(listener),
      },
      clock,
      log,
    },
    settingsOf(),
  );
  await controller.start(new AbortController().signal);
  const learn = (place: string): void => {
    known.add(place);
    for (const listener of listeners) listener(place);
  };
  const ready = (): (string | undefined)[] =>
    written.map(({ conditions }) => conditions.find(({ type }) => type === "Ready")?.status);
  return { clock, watches, known, learn, ready, log, controller };
}

describe("the ingress controller", () => {
  it("calls an ingress ready once the proxy knows its revision", async () => {
    const { watches, learn, ready } = await world();
    watches.put(INGRESSES, ingress());
    await settle();
    expect(ready()).toEqual(["Unknown"]);
    learn("fns/f-00001");
    await settle();
    expect(ready()).toEqual(["Unknown", "True"]);
  });

  it("leaves ingresses of other classes alone, and those that are about to go", async () => {
    const { watches, known, ready } = await world();
    known.add("fns/f-00001");
    watches.put(INGRESSES, ingress("kourier.ingress.networking.knative.dev"));
    const going = ingress();
    watches.put(INGRESSES, {
      ...going,
      metadata: { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    await settle();
    expect(ready()).toEqual([]);
  });

  it("tries again where the status could not be written", async () => {
    const { watches, known, ready, clock, log } = await world(2);
    known.add("fns/f-00001");
    watches.put(INGRESSES, ingress());
    await settle();
    expect(ready()).toEqual([]);
    await clock.advance(2000);
    expect(ready()).toEqual(["True"]);
    expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(2);
  });

  it("writes nothing any more once it has stopped", async () => {
    const { watches, ready, controller } = await world();
    await controller.stop(0);
    watches.put(INGRESSES, ingress());
    await settle();
    expect(ready()).toEqual([]);
  });
});
