import { waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { answerWith, errorLine, statusBody } from "../../test/fake-apiserver.ts";
import { clientAndServer, OTHERS, type Thing, THINGS } from "../../test/setup.ts";
import type { ObjectWatch } from "./watch-objects.ts";

/** A watch on things and one beside it, both synced, with the keys that their handlers were called for. */
async function twoWatches(watchSilenceMs = 45_000) {
  const test = await clientAndServer({ watchSilenceMs });
  test.server.put("things", "a");
  test.server.put("things", "b");
  test.server.put("others", "n");
  const heard: string[] = [];
  const heardByNeighbour: string[] = [];
  const open = (kind: typeof THINGS, into: string[]): ObjectWatch<Thing> =>
    test.kubernetes.watchObjects(
      { kind, resyncMs: 0 },
      { onChange: (key) => void into.push(key) },
      test.signal,
    );
  const things = open(THINGS, heard);
  const others = open(OTHERS, heardByNeighbour);
  await Promise.all([things.synced, others.synced]);
  await waitFor(
    "both watches",
    () => test.server.watchesOn("things") === 1 && test.server.watchesOn("others") === 1,
  );
  const lists = (plural: string): number =>
    test.server.seen.filter(({ url }) => url.pathname.endsWith(plural) && !url.searchParams.has("watch"))
      .length;
  return { ...test, things, others, heard, heardByNeighbour, lists };
}

async function neighbourHears(test: Awaited<ReturnType<typeof twoWatches>>, color: string): Promise<void> {
  test.server.put("others", "n", { spec: { color } });
  await waitFor("the neighbour", () => test.others.get("acme/n")?.spec?.color === color);
}

it("lists, calls back for every object, and follows what changes and goes", async () => {
  await using test = await twoWatches();
  expect(test.heard).toEqual(["acme/a", "acme/b"]);
  test.server.put("things", "c", { spec: { color: "red" } });
  test.server.remove("things", "a");
  await waitFor("both", () => test.heard.length === 4);
  expect([...test.things.list()].map(({ metadata }) => metadata.name)).toEqual(["b", "c"]);
  expect(test.heard.slice(2)).toEqual(["acme/c", "acme/a"]);
});

it("notices a connection that is silently dead, and loses nothing that happened meanwhile", async () => {
  await using test = await twoWatches(400);
  test.server.silence("things");
  test.server.put("things", "while-dead");
  await neighbourHears(test, "seen at once");
  await waitFor("what happened meanwhile", () => test.things.get("acme/while-dead"));
  expect(test.lists("things")).toBe(1);
  expect(test.log.lines.map(({ fields }) => String(fields["error"])).join()).toMatch(/no byte within 0.4 s/);
});

it("a quiet watch that is alive ends in good order before it could be taken for dead", async () => {
  await using test = await twoWatches(1500);
  await waitFor(
    "a second watch",
    () => test.server.seen.filter(({ url }) => url.searchParams.has("watch")).length >= 4,
  );
  expect(test.log.lines).toEqual([]);
  expect(test.lists("things")).toBe(1);
});

it("reads everything again after 410, and finds what was deleted while it was away", async () => {
  await using test = await twoWatches();
  test.server.remove("things", "a", true);
  test.server.put("things", "new", {}, true);
  test.server.compact();
  test.server.cut("things");
  await waitFor("the relist", () => test.things.get("acme/new"));
  expect(test.things.get("acme/a")).toBeUndefined();
  expect(test.heard.toSorted()).toEqual(["acme/a", "acme/a", "acme/b", "acme/new"]);
  expect([test.lists("things"), test.lists("others")]).toEqual([2, 1]);
  await neighbourHears(test, "unmoved");
});

it("an answer of 410 in place of a watch is read as the same", async () => {
  await using test = await twoWatches();
  const mend = test.server.fault(({ url }, answer) => {
    if (!url.searchParams.has("watch") || !url.pathname.endsWith("things")) return false;
    mend();
    return answerWith(answer, 410, statusBody(410, "Expired", "too old"));
  });
  test.server.cut("things");
  await waitFor("the relist", () => test.lists("things") === 2);
  expect(test.lists("others")).toBe(1);
});

it("goes on where it was when the connection is cut in the middle of a line", async () => {
  await using test = await twoWatches();
  test.server.write("things", '{"type":"ADDED","object":{"metadata":{"na');
  test.server.cut("things");
  test.server.put("things", "after-the-cut");
  await waitFor("the rest", () => test.things.get("acme/after-the-cut"));
  expect(test.lists("things")).toBe(1);
  await neighbourHears(test, "whole");
});

it.each([
  ["no JSON", "{oops}\n"],
  ["no event", '{"type":"SURPRISE","object":{"metadata":{"resourceVersion":"1"}}}\n'],
  ["an event without an object", '{"type":"ADDED"}\n'],
  ["an error in the stream", errorLine(500, "InternalError", "etcd has no leader")],
])("a line that is %s is an error that is logged, and everything is read again", async (_, line) => {
  await using test = await twoWatches();
  test.server.write("things", line);
  await waitFor("the relist", () => test.lists("things") === 2);
  test.server.put("things", "later");
  await waitFor("what came later", () => test.things.get("acme/later"));
  expect(test.log.lines.filter(({ level }) => level === "warn")).toMatchObject([
    { msg: "watch ended", fields: { relist: true } },
  ]);
  await neighbourHears(test, "undisturbed");
});

it("goes on from a bookmark", async () => {
  await using test = await twoWatches();
  test.server.bookmark("things");
  const marked = test.server.version();
  test.server.put("others", "n", { spec: { color: "moves the version on" } });
  test.server.end("things");
  const asked = await waitFor(
    "the next watch",
    () =>
      test.server.seen.filter(
        ({ url }) => url.pathname.endsWith("things") && url.searchParams.has("watch"),
      )[1],
  );
  expect(asked.url.searchParams.get("resourceVersion")).toBe(marked);
  expect(asked.url.searchParams.get("allowWatchBookmarks")).toBe("true");
});

it("outlives a server that is away and comes back on the same port", async () => {
  await using test = await twoWatches();
  await test.server.stop();
  test.server.put("things", "while-away");
  await waitFor("it to notice", () => test.log.lines.filter(({ msg }) => msg === "watch ended").length >= 3);
  expect([...test.things.list()]).toHaveLength(2);
  await test.server.start();
  await waitFor("what happened meanwhile", () => test.things.get("acme/while-away"));
  await neighbourHears(test, "back, too");
});

it("a server that is too busy to list is asked again, while the neighbour is served", async () => {
  await using test = await clientAndServer({ attempts: 1 });
  let refused = 0;
  const mend = test.server.fault(({ url }, answer) => {
    if (!url.pathname.endsWith("things")) return false;
    refused += 1;
    return answerWith(answer, 429, statusBody(429, "TooManyRequests", "busy"));
  });
  const onChange = (): void => {};
  const things = test.kubernetes.watchObjects({ kind: THINGS }, { onChange }, test.signal);
  await test.kubernetes.watchObjects({ kind: OTHERS }, { onChange }, test.signal).synced;
  await waitFor("two refusals", () => refused >= 2);
  mend();
  await things.synced;
});

it("a handler that throws is logged, and is called for the next object", async () => {
  await using test = await clientAndServer();
  test.server.put("things", "a");
  test.server.put("things", "b");
  const heard: string[] = [];
  const onChange = (key: string): void => {
    heard.push(key);
    throw new Error("a bug");
  };
  await test.kubernetes.watchObjects({ kind: THINGS }, { onChange }, test.signal).synced;
  expect(heard).toEqual(["acme/a", "acme/b"]);
  expect(test.log.lines.map(({ msg }) => msg)).toEqual([
    "the handler of a watch failed",
    "the handler of a watch failed",
  ]);
});

it("calls back for every key at a resync, though nothing changed", async () => {
  await using test = await clientAndServer();
  test.server.put("things", "a");
  const heard: string[] = [];
  test.kubernetes.watchObjects(
    { kind: THINGS, resyncMs: 5 },
    { onChange: (key) => void heard.push(key) },
    test.signal,
  );
  await waitFor("resyncs", () => heard.length >= 3);
  expect(new Set(heard)).toEqual(new Set(["acme/a"]));
});

it("an abort before the first list rejects `synced`, closes the connection, and says nothing", async () => {
  await using test = await clientAndServer();
  test.server.fault(() => true);
  const abort = new AbortController();
  const watch = test.kubernetes.watchObjects({ kind: THINGS }, { onChange: () => {} }, abort.signal);
  await waitFor("the request", () => test.server.seen.length > 0);
  abort.abort(new Error("stopping"));
  await expect(watch.synced).rejects.toThrow("stopping");
  expect(test.log.lines).toEqual([]);
});

it("an abort ends a watch that is open", async () => {
  await using test = await clientAndServer();
  const abort = new AbortController();
  await test.kubernetes.watchObjects({ kind: THINGS }, { onChange: () => {} }, abort.signal).synced;
  await waitFor("the watch", () => test.server.watchesOn("things") === 1);
  abort.abort();
  await waitFor("its end", () => test.server.watchesOn("things") === 0);
  expect(test.log.lines).toEqual([]);
});
