import { Socket } from "node:net";
import { expect, it } from "vitest";
import { createShares } from "./shares.ts";

const identity = (instance: string) => ({ org: "acme", function: "f", revision: "f-00001", instance });

it("an instance runs as many calls as its share, and a failed one gives its place back", async () => {
  const shares = createShares({ calls: 2, connections: 1 });
  const [mine, other] = [identity("a"), identity("b")];
  const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const calls = ends.map(({ promise }) => shares.inTurn(mine, () => promise));
  await expect(shares.inTurn(mine, () => Promise.resolve())).rejects.toMatchObject({ code: "rate_limited" });
  await shares.inTurn(other, () => Promise.resolve());
  ends[0].reject(new Error("no"));
  await expect(calls[0]).rejects.toThrow("no");
  await shares.inTurn(mine, () => Promise.resolve());
  ends[1].resolve();
  await calls[1];
});

it("an instance keeps as many connections as its share", () => {
  const shares = createShares({ calls: 1, connections: 2 });
  const mine = identity("a");
  const sockets = [new Socket(), new Socket(), new Socket()] as const;
  expect(sockets.map((socket) => shares.mayKeep(mine, socket))).toEqual([true, true, false]);
  expect(shares.mayKeep(mine, sockets[0])).toBe(true);
  expect(shares.mayKeep(identity("b"), sockets[2])).toBe(true);
  sockets[0].emit("close");
  expect(shares.mayKeep(mine, new Socket())).toBe(true);
});
