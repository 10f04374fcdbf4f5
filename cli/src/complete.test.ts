import { describe, expect, it } from "vitest";
import type { Client } from "./client.ts";
import { complete } from "./complete.ts";
import { createOutput } from "./output.ts";

const ANSWERS: Readonly<Record<string, unknown>> = {
  "/v1/functions?pageSize=100": { functions: [{ name: "alpha" }, { name: "beta" }] },
  "/v1/functions/alpha/revisions?pageSize=100&page=1": {
    revisions: [{ name: "alpha-00002" }, { name: "alpha-00001" }],
    pagination: { hasNext: false },
  },
  "/v1/secrets": { secrets: [{ name: "db-password" }] },
};
const refuse = () => Promise.reject(new Error("is not asked for"));
const client: Client = {
  server: "http://platform",
  invokeServer: "http://proxy",
  send: refuse,
  upload: refuse,
  call: <T>(_method: string, path: string) =>
    path in ANSWERS ? Promise.resolve(ANSWERS[path] as T) : Promise.reject(new Error(path)),
};
const sink = { write: () => true };
const invocation = {
  args: [],
  flags: { text: () => undefined, texts: () => [], on: () => false },
  env: { XDG_CONFIG_HOME: "/does/not/exist" },
  cwd: "/",
  output: createOutput(sink, sink, { format: "table", quiet: true }),
  signal: new AbortController().signal,
};
const ask = (...words: string[]) => complete(words, invocation, () => Promise.resolve(client));

describe("complete", () => {
  it.each([
    [["re"], ["revisions"]],
    [["help", "ro"], ["rollback"]],
    [
      ["describe", ""],
      ["alpha", "beta"],
    ],
    [["describe", "b"], ["beta"]],
    [["describe", "alpha", ""], []],
    [
      ["traffic", "alpha", "--revision", ""],
      ["alpha-00002", "alpha-00001"],
    ],
    [["traffic", "--percent", "10", "alpha", "--revision", "alpha-00001"], ["alpha-00001"]],
    [["invoke", "--revision", ""], []],
    [["logs", "alpha", "--level", "e"], ["error"]],
    [["list", "-o", "j"], ["json"]],
    [["completion", "z"], ["zsh"]],
    [["secrets", "un"], ["unset"]],
    [["secrets", "unset", ""], ["db-password"]],
    [
      ["deploy", "--no-"],
      ["--no-traffic", "--no-wait"],
    ],
    [["contexts", ""], []],
    [["nonsense", ""], []],
  ])("%j gives %j", async (words, expected) => {
    expect(await ask(...words)).toEqual(expected);
  });

  it("offers every command for nothing", async () => {
    expect(await ask("")).toContain("deploy");
  });
});
