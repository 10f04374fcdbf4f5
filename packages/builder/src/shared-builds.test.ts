import { describe, expect, it } from "vitest";
import { BuildCancelledError, createSharedBuilds } from "./shared-builds.ts";
import { createTurns } from "./turns.ts";

const never = new AbortController().signal;

/** Work that goes on until it is told to end, or is ended. */
function work() {
  const { promise, resolve } = Promise.withResolvers<string>();
  let ended: unknown;
  let begun = 0;
  return {
    resolve,
    get ended() {
      return ended;
    },
    get begun() {
      return begun;
    },
    begin: (signal: AbortSignal): Promise<string> => {
      begun += 1;
      signal.addEventListener("abort", () => (ended = signal.reason));
      return Promise.race([
        promise,
        new Promise<never>((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        ),
      ]);
    },
  };
}

describe("shared builds", () => {
  it("are one for all who want it, and go on until the last one leaves", async () => {
    const shared = createSharedBuilds<string>(never);
    const build = work();
    const [first, second] = [new AbortController(), new AbortController()];
    const one = shared("a", first.signal, build.begin);
    const two = shared("a", second.signal, build.begin);
    first.abort(new Error("left"));
    await expect(one).rejects.toThrow("left");
    expect([build.begun, build.ended]).toEqual([1, undefined]);
    second.abort(new Error("left, too"));
    await expect(two).rejects.toThrow("left, too");
    expect(build.ended).toBeInstanceOf(BuildCancelledError);
  });

  it("begin anew for who comes after the end", async () => {
    const shared = createSharedBuilds<string>(never);
    const leaving = new AbortController();
    const first = shared("a", leaving.signal, work().begin);
    leaving.abort(new Error("left"));
    await expect(first).rejects.toThrow("left");
    const build = work();
    const next = shared("a", never, build.begin);
    build.resolve("made");
    expect(await next).toBe("made");
  });

  it("end with the platform", async () => {
    const closing = new AbortController();
    const shared = createSharedBuilds<string>(closing.signal);
    const waiting = shared("a", never, work().begin);
    closing.abort(new Error("the platform is stopping"));
    await expect(waiting).rejects.toThrow("the platform is stopping");
  });
});

describe("turns", () => {
  it("come one after the other for one key, at the same time for others, and after a failure", async () => {
    const turns = createTurns();
    const order: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const first = turns("a", never, async () => {
      await gate;
      order.push("first");
      throw new Error("failed");
    });
    const second = turns("a", never, async () => void order.push("second"));
    await turns("b", never, async () => void order.push("other"));
    open();
    await expect(first).rejects.toThrow("failed");
    await second;
    expect(order).toEqual(["other", "first", "second"]);
  });

  it("are not taken by who left while waiting", async () => {
    const turns = createTurns();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const first = turns("a", never, () => gate);
    const leaving = new AbortController();
    let ran = false;
    const second = turns("a", leaving.signal, async () => void (ran = true));
    leaving.abort(new Error("left"));
    open();
    await first;
    await expect(second).rejects.toThrow("left");
    expect(ran).toBe(false);
  });
});
