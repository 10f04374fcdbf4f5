import { systemClock } from "@hanzo-fn/lifecycle";
import { createEmptyDatabase, recordingLog, tempDir, waitFor } from "@hanzo-fn/testkit";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { createFiguresSink, createLogSink, openStore, type StoreOptions } from "./index.ts";
import { aFunction, aLine, LATER, NOW, testStore } from "./test-setup.ts";

const open = (url: string, more: Partial<StoreOptions> = {}) =>
  openStore({ database: { url }, log: recordingLog(), clock: systemClock, ...more });

/** A TCP port in front of a server's Unix socket that can be cut and joined again. */
async function cuttable(url: string) {
  const target = new URL(url);
  const socketPath = `${decodeURIComponent(target.hostname)}/.s.PGSQL.${target.port}`;
  const sockets = new Set<Socket>();
  let cut = false;
  const server = createServer((client) => {
    if (cut) return client.destroy();
    const upstream = connect(socketPath);
    for (const socket of [client, upstream]) {
      sockets.add(socket.on("error", () => undefined));
      socket.on("close", () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  target.hostname = "127.0.0.1";
  target.port = String((server.address() as AddressInfo).port);
  return {
    url: target.href,
    cut() {
      cut = true;
      for (const socket of sockets) socket.destroy();
    },
    join: () => void (cut = false),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("opening", () => {
  test("brings an empty database up to date, in two processes and two stores at once", async () => {
    await using database = await createEmptyDatabase();
    const index = JSON.stringify(new URL("./index.ts", import.meta.url).href);
    const script = `
      import { openStore } from ${index};
      const log = { info(msg) { console.log(msg) }, warn() {}, error() {} };
      const clock = { now: Date.now, monotonic: () => performance.now(), sleep: (ms) => new Promise((r) => setTimeout(r, ms)) };
      const store = await openStore({ database: { url: ${JSON.stringify(database.url)} }, log, clock });
      await store.health();
      await store.close();`;
    const other = async (): Promise<string> => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk) => (output += String(chunk)));
      const [code] = (await once(child, "close")) as [number];
      expect(output).not.toContain("Error");
      expect(code).toBe(0);
      return output;
    };
    const log = recordingLog();
    const own = async (): Promise<void> => (await open(database.url, { log })).close();
    const outputs = await Promise.all([other(), other(), own(), own()]);
    const ran = log.lines.map((line) => line.msg).join("\n") + outputs.join("\n");
    expect(ran.match(/brought up to date/g)).toHaveLength(1);
    await using store = await open(database.url);
    expect(await store.functions.insert(aFunction("f"), NOW)).toBeDefined();
  });

  test("a database that is not there is unavailable", async () => {
    await using dir = await tempDir();
    await expect(open(`postgresql://u:p@${encodeURIComponent(dir.path)}:5432/x`)).rejects.toMatchObject({
      code: "database_unavailable",
      status: 503,
    });
    await expect(open("postgresql://u:p@127.0.0.1:1/x")).rejects.toMatchObject({
      code: "database_unavailable",
    });
  });

  test("an older version refuses a newer database, by name", async () => {
    await using t = await testStore();
    await t.store.close();
    const { Client } = await import("pg");
    const client = new Client({ connectionString: t.database.url });
    await client.connect();
    await client.query("insert into kysely_migration (name, timestamp) values ('9999-future', '2099')");
    await client.end();
    await expect(open(t.database.url)).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining("9999-future") as string,
    });
  });
});

describe("a database that goes and comes back", () => {
  test("fails queries and health as unavailable meanwhile, and serves them after, on the same store", async () => {
    await using t = await testStore();
    await using way = await cuttable(t.database.url);
    await using store = await open(way.url);
    await store.functions.insert(aFunction("f"), NOW);
    way.cut();
    for (let i = 0; i < 3; i++) {
      await expect(store.functions.get("acme", "f")).rejects.toMatchObject({ code: "database_unavailable" });
      await expect(store.health()).rejects.toMatchObject({ code: "database_unavailable", retryable: true });
      await expect(store.withTransaction((tx) => tx.functions.touch("acme", "f", NOW))).rejects.toMatchObject(
        {
          code: "database_unavailable",
        },
      );
    }
    way.join();
    await waitFor("the pool", () =>
      store.health().then(
        () => true,
        () => false,
      ),
    );
    expect(await store.functions.get("acme", "f")).toMatchObject({ generation: 1 });
  });

  test("in the middle of a transaction leaves nothing of it", async () => {
    await using t = await testStore();
    await using way = await cuttable(t.database.url);
    await using store = await open(way.url);
    const cutShort = store.withTransaction(async (tx) => {
      await tx.functions.insert(aFunction("f"), NOW);
      way.cut();
      await tx.functions.touch("acme", "f", NOW);
    });
    await expect(cutShort).rejects.toMatchObject({ code: "database_unavailable" });
    expect(await t.store.functions.get("acme", "f")).toBeUndefined();
  });

  test("gets the lines and figures that came meanwhile, and followers see them", async () => {
    await using t = await testStore();
    await using way = await cuttable(t.database.url);
    await using store = await open(way.url);
    const parts = { store, clock: systemClock, log: recordingLog() };
    const logs = createLogSink(parts, { intervalMs: 5 });
    const figures = createFiguresSink(parts, { intervalMs: 5 });
    for (const sink of [logs, figures]) await sink.start(AbortSignal.timeout(1000));
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const line of store.followLogs(
        { org: "acme", function: "f" },
        { afterId: 0 },
        stop.signal,
      )) {
        seen.push(line.msg);
      }
    })();
    logs.append(aLine("before"));
    await waitFor("the first line", () => seen.length === 1);
    way.cut();
    for (let i = 0; i < 100; i++) {
      logs.append(aLine(`meanwhile ${i}`));
      figures.record({
        org: "acme",
        function: "f",
        revision: "f-00001",
        runtime: "node24",
        trigger: "http",
        status: "success",
        httpStatus: 200,
        errorType: "",
        durationMs: 1,
        coldStartMs: undefined,
        requestId: "r",
        instance: "i",
        endedAtMs: NOW.getTime(),
      });
    }
    await waitFor("the sinks to notice", () => parts.log.lines.length >= 2);
    way.join();
    await waitFor("the lines", () => seen.length === 101, { timeoutMs: 20_000 });
    expect(new Set(seen).size).toBe(101);
    await logs.stop(5000);
    await figures.stop(5000);
    const all = { org: "acme", function: "f", since: new Date(0), until: LATER };
    expect(await store.figures.query(all)).toMatchObject([{ invocations: 100 }]);
    stop.abort();
    await following;
  });
});

describe("a transaction", () => {
  test("that throws leaves nothing", async () => {
    await using t = await testStore();
    const failing = t.store.withTransaction(async (tx) => {
      await tx.functions.insert(aFunction("f"), NOW);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await t.store.functions.get("acme", "f")).toBeUndefined();
  });

  test("holds a function against others, and against no other function", async () => {
    await using t = await testStore();
    const { promise: release, resolve } = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const order: string[] = [];
    const first = t.store.withTransaction(async (tx) => {
      await tx.lockFunction("acme", "f");
      locked.resolve();
      await release;
      order.push("first");
    });
    await locked.promise;
    const second = t.store.withTransaction(async (tx) => {
      await tx.lockFunction("acme", "f");
      order.push("second");
    });
    await t.store.withTransaction(async (tx) => {
      await tx.lockFunction("acme", "g");
      await tx.lockFunction("other", "f");
      order.push("neighbour");
    });
    resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(["neighbour", "first", "second"]);
  });

  test("caught in a deadlock is run again", async () => {
    await using t = await testStore();
    for (const name of ["a", "b"]) await t.store.functions.insert(aFunction(name), NOW);
    const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const cross = (mine: 0 | 1, names: readonly [string, string]) =>
      t.store.withTransaction(async (tx) => {
        await tx.functions.touch("acme", names[0], NOW);
        met[mine].resolve();
        await met[mine === 0 ? 1 : 0].promise;
        await tx.functions.touch("acme", names[1], NOW);
      });
    await Promise.all([cross(0, ["a", "b"]), cross(1, ["b", "a"])]);
    expect(await t.store.functions.get("acme", "a")).toMatchObject({ generation: 3 });
    expect(await t.store.functions.get("acme", "b")).toMatchObject({ generation: 3 });
  });

  test("tells of changes when it commits, in every process, and of none when it does not", async () => {
    await using t = await testStore();
    await using rival = await open(t.database.url);
    const stop = new AbortController();
    const heard: string[] = [];
    let resynced = false;
    rival.onChange(
      { onChange: (org, fn) => heard.push(`${org}/${fn}`), onResync: () => (resynced = true) },
      stop.signal,
    );
    await waitFor("the listener", () => resynced);
    const failing = t.store.withTransaction(async (tx) => {
      await tx.notifyChange("acme", "rolled-back");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await t.store.withTransaction((tx) => tx.notifyChange("acme", "f"));
    await waitFor("the change", () => heard.length > 0);
    expect(heard).toEqual(["acme/f"]);
    stop.abort();
  });
});
