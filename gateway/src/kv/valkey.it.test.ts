import { Secret } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { silentLogger } from "@hanzo-fn/telemetry";
import { absentServer, freePort, startRedis, waitFor } from "@hanzo-fn/testkit";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { exerciseKv } from "./conformance.ts";
import { openValkeyKv } from "./valkey.ts";

const SCOPE = { org: "acme", function: "f" };
const deps = { clock: systemClock, log: silentLogger };

async function open(url: string, timeoutMs = 2000) {
  const kv = openValkeyKv(deps, { url: new Secret(url), timeoutMs });
  onTestFinished(() => kv.close());
  return kv;
}

const reason = absentServer("redis-server");
if (reason !== undefined) test("kv on a Redis server", (ctx) => ctx.skip(reason));
else
  exerciseKv("kv on a Redis server", async () => {
    const server = await startRedis({ password: "s3cret" });
    const kv = await open(server.url);
    return {
      kv,
      async [Symbol.asyncDispose]() {
        await kv.close();
        await server[Symbol.asyncDispose]();
      },
    };
  });

describe.skipIf(reason !== undefined)("kv on a Redis server that fails", () => {
  test("is unavailable at once while the server is down, and back when it is", async () => {
    await using server = await startRedis();
    // Were each to wait for its time, they would outlast the test.
    const kv = await open(server.url, 60_000);
    await kv.set(SCOPE, "a", Buffer.from("1"), {});
    await server.stop();
    await expect(kv.get(SCOPE, "a")).rejects.toMatchObject({ code: "unavailable", retryable: true });
    for (let i = 0; i < 20; i++)
      await expect(kv.get(SCOPE, "a")).rejects.toMatchObject({ code: "unavailable" });
    await server.start();
    await waitFor("the server to be used again", () =>
      kv.set(SCOPE, "b", Buffer.from("2"), {}).catch(() => false),
    );
    expect(String(await kv.get(SCOPE, "b"))).toBe("2");
  });

  test("is unavailable where the password is wrong, and does not show it", async () => {
    await using server = await startRedis({ password: "right" });
    const kv = await open(server.url.replace("right", "wr0ng"));
    const error: unknown = await kv.get(SCOPE, "a").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(JSON.stringify(error) + String(error)).not.toContain("wr0ng");
  });

  test("says that the memory is used up", async () => {
    await using server = await startRedis({
      settings: { maxmemory: "2mb", "maxmemory-policy": "noeviction" },
    });
    const kv = await open(server.url);
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await kv.set(SCOPE, `k${i}`, Buffer.alloc(500_000), {});
    };
    await expect(fill()).rejects.toMatchObject({ code: "storage_full" });
  });
});

test("kv on a server that takes connections and never answers is unavailable in time", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const kv = await open(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`, 4000);
  // One after the other they would outlast the test.
  await Promise.all(
    Array.from({ length: 50 }, () =>
      expect(kv.get(SCOPE, "a")).rejects.toMatchObject({ code: "unavailable" }),
    ),
  );
});

test("kv on a server that is not there is unavailable", async () => {
  const kv = await open(`valkey://:pw@127.0.0.1:${await freePort()}/0`);
  await expect(kv.get(SCOPE, "a")).rejects.toMatchObject({
    code: "unavailable",
    next: expect.stringContaining("kv.url") as string,
  });
});
