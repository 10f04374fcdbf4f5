import { expect, it, onTestFinished } from "vitest";
import { openTestEngine, type TestEngine } from "../../test/open-engine.ts";
import { type DesiredRevision, revisionRef, type Gateway } from "../engine.ts";

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** A gateway that remembers whose tokens are good. */
function fakeGateway() {
  const live = new Map<string, Parameters<Gateway["grant"]>[0]>();
  let next = 0;
  const gateway: Gateway = {
    grant(identity) {
      const token = `token-${next++}`;
      live.set(token, identity);
      return { url: "unix:/gateway.sock", token, [Symbol.dispose]: () => void live.delete(token) };
    },
  };
  return { live, gateway };
}

async function deploy(under: TestEngine, fixture: "main" | "broken"): Promise<DesiredRevision> {
  const desired = {
    ref: revisionRef("acme", "f", 1),
    sourceDigest: "0",
    environment: {},
    secrets: {},
    cpuMillis: 100,
    timeoutMs: 5000,
    concurrency: 1,
    percent: 100,
    ...under.fixture(fixture),
  };
  const scaling = { minInstances: 0, maxInstances: 1, targetConcurrency: 1, scaleDownDelayMs: 0 };
  const wish = { org: "acme", function: "f", scaling, revisions: [desired] };
  await under.engine.deployer.apply(wish, signal());
  return desired;
}

it("an instance has a token of its own from its start to its end", async () => {
  const { live, gateway } = fakeGateway();
  const under = await openTestEngine({}, { gateway });
  onTestFinished(() => under.close());
  const { ref } = await deploy(under, "main");
  const lease = await under.engine.instances.acquire(ref.key, signal());
  const { instance } = lease.target;
  expect([...live.values()]).toEqual([{ org: "acme", function: "f", revision: "f-00001", instance }]);
  lease.release();
  await under.engine.deployer.remove({ org: "acme", function: "f" }, signal());
  await expect.poll(() => live.size).toBe(0);
});

it("the token of an instance that did not start is good for nothing", async () => {
  const { live, gateway } = fakeGateway();
  const under = await openTestEngine({}, { gateway });
  onTestFinished(() => under.close());
  const { ref } = await deploy(under, "broken");
  await expect(under.engine.instances.acquire(ref.key, signal())).rejects.toMatchObject({
    code: "load_failed",
  });
  await expect.poll(() => live.size).toBe(0);
});
