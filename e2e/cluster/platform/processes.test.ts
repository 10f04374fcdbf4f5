import { expect, test } from "vitest";
import { daemonsOf, type FoundProcess, initOf } from "./processes.ts";

const found = (pid: number, parent: number, program: string, daemon: string): FoundProcess => ({
  ...{ pid, parent, program, daemon },
  resident: 0,
});

test("a daemon is what nsenter started, not nsenter, nor what the daemon left behind", () => {
  const processes = [
    found(10, 1, "nsenter", "containerd"),
    found(11, 10, "containerd", "containerd"),
    found(12, 5, "containerd-shim-runc-v2", "containerd"),
    found(20, 1, "nsenter", "kubelet"),
    found(5, 4, "pause", "init"),
  ];
  expect([...daemonsOf(processes)].map(([name, { pid }]) => [name, pid])).toEqual([["containerd", 11]]);
});

test("PID 1 is the child of unshare once it has become the program that stays", () => {
  const unshare = found(4, 1, "unshare", "init");
  expect(initOf([unshare, found(5, 4, "unshare", "init")])).toBeUndefined();
  expect(initOf([unshare, found(5, 4, "pause", "init"), found(9, 8, "pause", "other")])?.pid).toBe(5);
});
