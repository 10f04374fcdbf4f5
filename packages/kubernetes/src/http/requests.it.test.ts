import { inspect } from "node:util";
import { Secret } from "@hanzo-fn/contract";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { answerWith, statusBody } from "../../test/fake-apiserver.ts";
import { clientAndServer, OTHERS, THINGS, TOKEN } from "../../test/setup.ts";
import type { PlatformError } from "@hanzo-fn/contract";

const A = { namespace: "acme", name: "a" };
const draft = { apiVersion: "test/v1", kind: "Thing", metadata: A };
const failure = (promise: Promise<unknown>): Promise<PlatformError> =>
  promise.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error as PlatformError,
  );

it("asks again when the server is busy, as long after as it says, and answers the neighbour meanwhile", async () => {
  await using test = await clientAndServer();
  let left = 2;
  const times: number[] = [];
  test.server.fault(({ method }, answer) => {
    if (method !== "POST") return false;
    times.push(performance.now());
    if (left-- > 0)
      return answerWith(answer, 429, statusBody(429, "TooManyRequests", "busy"), { "retry-after": "1" });
    return answerWith(answer, 201, draft);
  });
  const creating = test.kubernetes.create(THINGS, draft, {}, test.signal);
  await test.kubernetes.list(OTHERS, {}, test.signal);
  expect(times.length).toBeLessThanOrEqual(1);
  expect(await creating).toMatchObject({ metadata: A });
  expect(times).toHaveLength(3);
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(900);
});

it("asks again after 5xx and after a connection is lost, but creates nothing twice", async () => {
  await using test = await clientAndServer();
  let count = 0;
  test.server.fault((_, answer) => {
    count += 1;
    if (count === 1) return answerWith(answer, 503, statusBody(503, "ServiceUnavailable", "starting"));
    if (count === 2) return (answer.socket!.destroy(), true);
    return answerWith(answer, 200, draft);
  });
  expect(await test.kubernetes.get(THINGS, A, test.signal)).toMatchObject({ kind: "Thing" });
  expect(count).toBe(3);
  count = 1;
  expect(await failure(test.kubernetes.create(THINGS, draft, {}, test.signal))).toMatchObject({
    code: "cluster_unavailable",
  });
  expect(count).toBe(2);
});

it("a request is answered by a server that restarts on the same port meanwhile", async () => {
  await using test = await clientAndServer();
  test.server.put("things", "a");
  await test.kubernetes.list(THINGS, {}, test.signal);
  await test.server.stop();
  const listing = test.kubernetes.list(THINGS, {}, test.signal);
  await test.server.start();
  expect((await listing).items).toHaveLength(1);
});

it("gives up a server that is silent, on a connection that others then do not get", async () => {
  await using test = await clientAndServer({ silenceMs: 2000, attempts: 2 });
  let held = 0;
  const mend = test.server.fault(({ url }) => url.pathname.endsWith("things") && ++held > 0);
  const listing = failure(test.kubernetes.list(THINGS, {}, test.signal));
  await test.kubernetes.list(OTHERS, {}, test.signal);
  expect(await listing).toMatchObject({
    code: "cluster_unavailable",
    message: "list things: the API server does not answer: no byte within 2 s",
  });
  expect(held).toBe(2);
  mend();
  await test.kubernetes.list(THINGS, {}, test.signal);
});

it("a server that is slow, but not silent, is waited for", async () => {
  await using test = await clientAndServer({ silenceMs: 5000, attempts: 1 });
  const text = JSON.stringify({ metadata: { resourceVersion: "1" }, items: [draft] });
  // All of it takes longer than the silence that is given up.
  const piece = Math.ceil(text.length / 10);
  test.server.fault((_, answer) => {
    answer.writeHead(200);
    const send = (at: number): void => {
      if (at >= text.length) return void answer.end();
      answer.write(text.slice(at, at + piece));
      setTimeout(send, 700, at + piece);
    };
    send(0);
    return true;
  });
  expect((await test.kubernetes.list(THINGS, {}, test.signal)).items).toHaveLength(1);
});

it("an abort ends a call that waits for an answer, and one that waits to try again, with the signal's reason", async () => {
  await using test = await clientAndServer();
  const reason = new Error("stopping");
  for (const fault of [
    () => true,
    (_: unknown, answer: Parameters<typeof answerWith>[0]) =>
      answerWith(answer, 429, statusBody(429, "TooManyRequests", "busy"), { "retry-after": "30" }),
  ]) {
    const mend = test.server.fault(fault);
    const before = test.server.seen.length;
    const abort = new AbortController();
    const getting = failure(test.kubernetes.get(THINGS, A, abort.signal));
    await waitFor("the request", () => test.server.seen.length > before);
    abort.abort(reason);
    expect(await getting).toBe(reason);
    mend();
  }
});

it("reads all pages of a list, and starts over in one piece where the server forgot them", async () => {
  await using test = await clientAndServer();
  const items = ["a", "b", "c"].map((name) => ({ metadata: { name, resourceVersion: "1" } }));
  let expired = false;
  test.server.fault(({ url }, answer) => {
    const at = Number(url.searchParams.get("continue") ?? 0);
    if (at > 0 && expired) return answerWith(answer, 410, statusBody(410, "Expired", "too old"));
    if (!url.searchParams.has("limit"))
      return answerWith(answer, 200, { metadata: { resourceVersion: "9" }, items });
    const more = at < 2 ? { continue: String(at + 1) } : {};
    return answerWith(answer, 200, { metadata: { resourceVersion: "7", ...more }, items: [items[at]] });
  });
  const paged = await test.kubernetes.list(THINGS, {}, test.signal);
  expect([paged.items.map(({ metadata }) => metadata.name), paged.resourceVersion]).toEqual([
    ["a", "b", "c"],
    "7",
  ]);
  expect(paged.items[0]).toMatchObject({ apiVersion: "test/v1", kind: "Thing" });
  expired = true;
  const whole = await test.kubernetes.list(THINGS, {}, test.signal);
  expect([whole.items.length, whole.resourceVersion]).toEqual([3, "9"]);
});

it("renews credentials that are refused, once", async () => {
  let token = "old";
  let renewals = 0;
  await using test = await clientAndServer(
    {},
    {
      credentials: {
        current: () => Promise.resolve({ authorization: new Secret(`Bearer ${token}`) }),
        renew: () => ((token = "new"), ++renewals > 0),
      },
    },
  );
  let accepted = "Bearer new";
  test.server.fault(({ headers }, answer) =>
    headers.authorization === accepted
      ? answerWith(answer, 200, draft)
      : answerWith(answer, 401, statusBody(401, "Unauthorized", "Unauthorized")),
  );
  await test.kubernetes.get(THINGS, A, test.signal);
  expect(renewals).toBe(1);
  accepted = "Bearer third";
  expect(await failure(test.kubernetes.get(THINGS, A, test.signal))).toMatchObject({
    code: "cluster_refused",
  });
  expect(renewals).toBe(2);
});

it("no error shows a credential, whatever goes wrong", async () => {
  await using test = await clientAndServer({ silenceMs: 100, attempts: 1 });
  const faults: Parameters<typeof test.server.fault>[0][] = [
    (_, answer) => answerWith(answer, 401, statusBody(401, "Unauthorized", "Unauthorized")),
    (_, answer) => answerWith(answer, 403, statusBody(403, "Forbidden", "no")),
    (_, answer) => answerWith(answer, 500, statusBody(500, "InternalError", "oops")),
    (_, answer) => (answer.writeHead(200).end("{not json"), true),
    (_, answer) => (answer.socket!.destroy(), true),
    () => true,
  ];
  for (const fault of faults) {
    const mend = test.server.fault(fault);
    const error = await failure(test.kubernetes.get(THINGS, A, test.signal));
    expect(error.name).toBe("PlatformError");
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(TOKEN);
    mend();
  }
});

it("what a proxy in between says instead of the API server is shown", async () => {
  await using test = await clientAndServer({ attempts: 1 });
  test.server.fault((_, answer) => (answer.writeHead(502).end("<html>bad gateway</html>"), true));
  expect(await failure(test.kubernetes.get(THINGS, A, test.signal))).toMatchObject({
    code: "cluster_unavailable",
    message: "get Thing acme/a: <html>bad gateway</html>",
  });
});

it("a log comes as it is written, and one that is cut says so", async () => {
  await using test = await clientAndServer();
  test.server.fault((_, answer) => {
    answer.writeHead(200).write("first line\n");
    setTimeout(() => answer.socket!.destroy(), 20);
    return true;
  });
  const got: string[] = [];
  const reading = async (): Promise<void> => {
    const query = { namespace: "acme", pod: "p", follow: true, tailLines: 5, sinceTime: new Date(0) };
    for await (const chunk of test.kubernetes.podLogs(query, test.signal)) got.push(chunk.toString());
  };
  expect(await failure(reading())).toMatchObject({ code: "cluster_unavailable" });
  expect(got).toEqual(["first line\n"]);
  expect(test.server.seen[0]!.url.search).toBe(
    "?tailLines=5&follow=true&sinceTime=1970-01-01T00%3A00%3A00.000Z",
  );
});

it("a name cannot leave its place in the path", async () => {
  await using test = await clientAndServer({ attempts: 1 });
  test.server.fault((_, answer) => answerWith(answer, 404, statusBody(404, "NotFound", "none")));
  await failure(test.kubernetes.get(THINGS, { namespace: "acme", name: "../../nodes/n?x#" }, test.signal));
  expect(test.server.seen[0]!.url.pathname).toBe(
    "/apis/test/v1/namespaces/acme/things/..%2F..%2Fnodes%2Fn%3Fx%23",
  );
});
