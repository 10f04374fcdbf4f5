import { systemClock } from "@hanzo-fn/lifecycle";
import { startCutProxy, waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { clientOf, newNamespace, realServer, useRealServer } from "../../test/real-server.ts";
import type { Kubernetes } from "../client.ts";
import { leadWhile } from "./lead.ts";
import { LEASES } from "./lease.ts";

useRealServer();
const TIMES = { leaseMs: 4000, renewMs: 2500, retryMs: 250 };
const log = { info: () => {}, warn: () => {} };

function candidate(
  kubernetes: Kubernetes,
  namespace: string,
  identity: string,
  leading: Set<string>,
  counts: number[],
) {
  const ending = new AbortController();
  const work = (signal: AbortSignal): Promise<void> => {
    counts.push(leading.add(identity).size);
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        leading.delete(identity);
        resolve();
      });
    });
  };
  const settings = { namespace, name: "platform", identity, ...TIMES };
  const done = leadWhile({ kubernetes, clock: systemClock, log }, settings, work, ending.signal);
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await done;
    },
  };
}

it("of three candidates one leads; cut off, it steps down before the next one begins, which gives the lease up at its end", async () => {
  await using proxy = await startCutProxy(Number(new URL(realServer().url).port));
  using direct = clientOf();
  using cut = clientOf({ port: proxy.port });
  const namespace = await newNamespace(direct.kubernetes, direct.signal);
  const leading = new Set<string>();
  const counts: number[] = [];
  const lease = () => direct.kubernetes.get(LEASES, { namespace, name: "platform" }, direct.signal);
  await using first = candidate(cut.kubernetes, namespace, "first", leading, counts);
  await waitFor("a leader", () => leading.has("first"));
  {
    await using second = candidate(direct.kubernetes, namespace, "second", leading, counts);
    await using third = candidate(direct.kubernetes, namespace, "third", leading, counts);
    await waitFor(
      "a renewal",
      async () => (await lease()).spec?.renewTime !== (await lease()).spec?.acquireTime,
    );
    proxy.silence();
    await waitFor("the first to step down", () => leading.size === 0, { timeoutMs: 20_000 });
    await waitFor("another one", () => leading.has("second") || leading.has("third"), { timeoutMs: 20_000 });
    const { spec } = await lease();
    expect(spec).toMatchObject({
      holderIdentity: [...leading][0],
      leaseTransitions: 1,
      leaseDurationSeconds: 4,
    });
    expect(spec?.renewTime).toMatch(/\.\d{6}Z$/);
    void [second, third];
  }
  expect(leading.size).toBe(0);
  expect((await lease()).spec?.holderIdentity ?? "").toBe("");
  expect(counts).toEqual(counts.map(() => 1));
  proxy.restore();
  void first;
});
