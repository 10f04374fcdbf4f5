import { PlatformError } from "@hanzo-fn/contract";
import type { AnswerHead, Lease } from "@hanzo-fn/engine";
import { expect, it } from "vitest";
import { rawThenEnd, respond, startFakeUpstream, type Script } from "../src/fake-upstream.ts";
import { functionRoutes, httpRoute, startProxy } from "./harness.ts";

const LINES = "Knative-Serving-Namespace: fns\r\nKnative-Serving-Revision: f-00001\r\n";
const ROUTED = { name: "f-00001", number: 1, runtime: "python", timeoutMs: 60_000, percent: 100 };

/** A lease on a way where others choose the instance, as the engine on Knative gives it. */
function distant(target: Lease["target"], over: Partial<Lease> = {}) {
  const seen = { released: 0, broken: [] as (Error | undefined)[] };
  let instance: string | undefined;
  let waitedMs = 0;
  const lease: Lease = {
    target: { ...target, instance: "", lines: LINES },
    get instance() {
      return instance;
    },
    get coldStart() {
      return waitedMs === 0 ? undefined : { totalMs: waitedMs, phasesMs: { queue: waitedMs } };
    },
    get waitedMs() {
      return waitedMs;
    },
    answered({ status, field }: AnswerHead) {
      instance = field("x-function-instance");
      waitedMs = Number(field("x-test-waited") ?? 0);
      return status < 500;
    },
    release: () => void seen.released++,
    expire: () => {},
    diagnose(broken) {
      seen.broken.push(broken);
      return Promise.resolve(new PlatformError("out_of_memory", "it needed more than its memory"));
    },
    [Symbol.dispose]: () => {},
    ...over,
  };
  return { lease, seen };
}

async function ask(script: Script, request: string, over: Partial<Lease> = {}, routed = ROUTED) {
  await using upstream = await startFakeUpstream(script);
  await using proxy = await startProxy(upstream.address, [
    functionRoutes([httpRoute("/f")], { revisions: [routed] }),
  ]);
  const { lease, seen } = distant(proxy.instances.target, over);
  proxy.instances.tryAcquire = () => lease;
  const client = await proxy.client();
  const answer = await client.send(request).answer();
  client.socket.destroy();
  const record = await proxy.observer.recorded(1);
  return { answer, seen, record, heads: upstream.requests.map(({ head }) => head) };
}

const GET = "GET /f HTTP/1.1\r\nHost: h\r\n\r\n";

it("tells the next hop which revision is meant, before anything that the caller says", async () => {
  const forged = "GET /f HTTP/1.1\r\nHost: h\r\nKnative-Serving-Revision: other-00001\r\nX-Own: 1\r\n\r\n";
  const { heads } = await ask(respond("ok"), forged);
  expect(heads[0]).toContain(`Host: h\r\n${LINES}X-Own: 1\r\n`);
  expect(heads[0]?.match(/knative-serving-revision/gi)).toHaveLength(1);
});

it("takes instance and cold start from the answer, and leaves the wait out of the duration", async () => {
  const lines = "X-Function-Instance: fn-f-00001-x\r\nX-Test-Waited: 30000\r\n";
  const { answer, record, seen } = await ask(respond("ok", lines), GET);
  expect(answer.head).toContain("X-Function-Instance: fn-f-00001-x\r\n");
  expect(answer.head).toContain("X-Function-Cold-Start-Ms: 30000\r\n");
  expect(answer.head).toMatch(/X-Function-Duration-Ms: 0\r\n/);
  expect(record).toMatchObject({ instance: "fn-f-00001-x", coldStartMs: 30_000 });
  expect(seen.released).toBe(1);
});

it("names no instance where the answer names none", async () => {
  const { answer, record } = await ask(respond("ok"), GET);
  expect(answer.status).toBe(200);
  expect(answer.head).not.toContain("X-Function-Instance");
  expect(record.instance).toBe("");
});

it("answers with a diagnosis where somebody else answered in the instance's place", async () => {
  const badGateway = rawThenEnd("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nno upstre");
  const { answer, record, seen } = await ask(badGateway, GET);
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body)).toMatchObject({ error: "out_of_memory" });
  expect(record.errorType).toBe("out_of_memory");
  expect(seen).toEqual({ released: 1, broken: [undefined] });
});

it("does not end a call at the function's timeout where the wait for an instance is part of it", async () => {
  const late: Script = (socket, request) => void setTimeout(() => respond("late")(socket, request), 150);
  const hasty = { ...ROUTED, timeoutMs: 50 };
  expect((await ask(late, GET, { waitBudgetMs: 60_000 }, hasty)).answer.body).toBe("late");
  expect((await ask(late, GET, {}, hasty)).answer.status).toBe(504);
});

it("tells the engine what broke", async () => {
  const { seen } = await ask((socket) => socket.destroy(), GET);
  expect(seen.broken).toHaveLength(1);
});
