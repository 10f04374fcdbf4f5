/** The command line as people and scripts meet it: exit codes, streams, formats, contexts, completion. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployFunction, type FunctionSource, writeFunction } from "./support/functions.ts";
import { REPOSITORY, startPlatform, type TestPlatform } from "./support/platform.ts";

const ECHO: FunctionSource = {
  name: "echo",
  runtime: "typescript",
  manifest: "resources:\n  timeout: 5s\nscaling:\n  max_instances: 1\n",
  code: `let go;
const released = new Promise((resolve) => (go = resolve));
async function* stream() {
  yield "first\\n";
  await released;
  yield "second\\n";
}
export const handle = (ctx) => {
  if (ctx.data?.fail) throw new Error("on purpose");
  if (ctx.data?.slow) return new Promise(() => {});
  if (ctx.data?.stream) return stream();
  if (ctx.data?.go) go();
  return { data: ctx.data ?? null, header: ctx.headers.get?.("x-color") ?? ctx.headers["X-Color"] ?? null };
};
`,
};

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await deployFunction(platform, ECHO);
  await platform.ok(["secrets", "set", "db-password"], { stdin: "example\n" });
});
afterAll(() => platform[Symbol.asyncDispose]());

/** A command that is watched while it runs. */
function start(
  command: string,
  args: readonly string[],
): { child: ChildProcess; until(text: string): Promise<void> } {
  const env = {
    PATH: [join(REPOSITORY, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
    XDG_CONFIG_HOME: join(platform.home, ".config"),
  };
  const child = spawn(command, args, { env, cwd: platform.home, stdio: ["pipe", "pipe", "pipe"] });
  let seen = "";
  child.stdout.on("data", (piece: Buffer) => (seen += piece.toString("utf8")));
  return {
    child,
    async until(text) {
      while (!seen.includes(text)) {
        expect(child.exitCode, `the command ended before it said ${text}`).toBeNull();
        await once(child.stdout, "data", { signal: AbortSignal.timeout(60_000) });
      }
    },
  };
}

describe("exit codes", () => {
  test.each([
    [2, ["invoke"], "NAME is missing"],
    [2, ["list", "--nope"], "next: hanzo-fn list --help"],
    [2, ["lis"], "did you mean list?"],
    [2, ["list", "--server", "nonsense"], "takes a URL"],
    [2, ["traffic", "echo", "--revision", "1", "--percent", "some"], "whole number"],
    [2, ["invoke", "echo", "--file", "missing.json"], "--file cannot be read"],
    [3, ["describe", "nothing"], "(not_found)"],
    [3, ["invoke", "nothing", "-d", "{}"], "(not_found)"],
    [3, ["list", "--context", "nowhere"], "hanzo-fn login"],
    [4, ["list", "--token", "hk-wrong"], "(unauthorized)"],
    [5, ["rollback", "echo"], "next:"],
    [6, ["invoke", "echo", "-d", '{"slow":true}'], "504"],
    [7, ["list", "--server", "http://127.0.0.1:1"], "hanzo-fn serve"],
    [8, ["invoke", "echo", "-d", '{"fail":true}'], "hanzo-fn logs echo --request-id"],
  ])("%d: %j", async (code, args, says) => {
    const result = await platform.cli(args);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(says)]);
    if (code < 6) expect(result.stdout).toBe("");
  });

  test("130: logs --follow that is interrupted", async () => {
    const { child, until } = start("hanzo-fn", ["logs", "echo", "--follow"]);
    await platform.cli(["invoke", "echo", "-d", '{"fail":true}']);
    await until("on purpose");
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([130, null]);
  });
});

describe("formats", () => {
  test.each([
    [["list"], /^NAME +RUNTIME +STATE .*\necho +typescript +/, "echo"],
    [["revisions", "echo"], /^REVISION +STATE .*\necho-00001 +ready +100% /, "echo-00001"],
    [["traffic", "echo"], /^REVISION +PERCENT\necho-00001 +100%\n$/, "echo-00001"],
    [["contexts"], /^CURRENT +NAME +SERVER .*\n\* +local +http/, "local"],
    [["secrets", "list"], /^NAME +UPDATED\ndb-password +\d+[a-z]+ ago\n$/, "db-password"],
    [["metrics", "echo"], /^REVISION +INVOCATIONS .*\nall +\d+ /, "echo-00001"],
    [["describe", "echo"], /^Name: +echo .*\n[^]*\nTRIGGER +SOURCE +STATE +URL\nhttp /, "echo"],
  ])("%j as a table, wide, json, yaml and names", async (args, table, name) => {
    const [plain, wide, json, yaml, names] = await Promise.all([
      platform.ok(args),
      platform.ok([...args, "-o", "wide"]),
      platform.ok([...args, "-o", "json"]),
      platform.ok([...args, "-o", "yaml"]),
      platform.ok([...args, "-o", "name"]),
    ]);
    expect(plain).toMatch(table);
    expect(plain).not.toMatch(/ $/m);
    expect(wide.length).toBeGreaterThanOrEqual(plain.length);
    expect(JSON.parse(json)).toBeTypeOf("object");
    expect(yaml).toMatch(/^(- )?[a-z_]+:/i);
    expect(names.trim().split("\n")).toContain(name);
  });

  test("doctor -o json names what the machine has; an unknown format is refused", async () => {
    const findings = JSON.parse(await platform.ok(["doctor", "-o", "json"])) as {
      what: string;
      state: string;
    }[];
    expect(findings).toContainEqual(expect.objectContaining({ what: "platform", state: "ok" }));
    expect(findings).toContainEqual(expect.objectContaining({ what: "key", state: "ok" }));
    expect((await platform.cli(["list", "-o", "xml"])).code).toBe(2);
  });

  test("--quiet leaves stderr empty", async () => {
    const result = await platform.cli(["invoke", "echo", "-q", "-d", "1"]);
    expect(result).toEqual({ code: 0, stdout: '{"data":1,"header":null}\n', stderr: "" });
  });
});

describe("invoke", () => {
  test("takes the body from --data, --file, standard input, and sends headers", async () => {
    await writeFile(join(platform.home, "body.json"), '{"from":"file"}');
    const answers = await Promise.all([
      platform.ok(["invoke", "echo", "--data", '{"from":"data"}']),
      platform.ok(["invoke", "echo", "--file", "body.json"]),
      platform.ok(["invoke", "echo", "--file", "-"], { stdin: '{"from":"dash"}' }),
      platform.ok(["invoke", "echo", "-H", "X-Color: blue"], { stdin: '{"from":"stdin"}' }),
    ]);
    expect(answers.map((answer) => JSON.parse(answer) as unknown)).toEqual([
      { data: { from: "data" }, header: null },
      { data: { from: "file" }, header: null },
      { data: { from: "dash" }, header: null },
      { data: { from: "stdin" }, header: "blue" },
    ]);
  });

  test("repeats, pins a revision and prints the head", async () => {
    const args = ["invoke", "echo", "-d", "{}", "--repeat", "2", "--revision", "1", "-i"];
    const { stdout, stderr } = await platform.cli(args);
    expect(stdout.match(/^HTTP\/1\.1 200$/gm)).toHaveLength(2);
    expect(stdout.match(/^x-function-revision: echo-00001$/gim)).toHaveLength(2);
    expect(stderr.match(/revision echo-00001, request /g)).toHaveLength(2);
  });

  test("prints a streamed answer piece by piece", async () => {
    const { child, until } = start("hanzo-fn", ["invoke", "echo", "-d", '{"stream":true}']);
    await until("first");
    const go = platform.fetchInvoke("/v1/functions/echo/invoke", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"go":true}',
    });
    await until("second");
    expect(await once(child, "close")).toEqual([0, null]);
    expect((await go).status).toBe(200);
  });
});

test("login saves a context; flags win over the environment, that over the context", async () => {
  const login = await platform.cli(["login", "--server", platform.api, "--name", "mine", "--token-stdin"], {
    stdin: platform.adminKey,
  });
  expect([login.code, login.stdout]).toEqual([0, ""]);
  expect((await platform.cli(["login", "--server", platform.api, "--token", "hk-wrong"])).code).toBe(4);
  expect(JSON.parse(await platform.ok(["contexts", "-o", "json"]))).toContainEqual(
    expect.objectContaining({ name: "mine", current: true }),
  );
  await platform.ok(["contexts", "local"]);
  const dead = { HANZO_FN_URL: "http://127.0.0.1:1", HANZO_TOKEN: platform.adminKey };
  expect((await platform.cli(["list", "--context", "mine"])).code).toBe(0);
  expect((await platform.cli(["list"], { env: dead })).code).toBe(7);
  expect((await platform.cli(["list", "--server", platform.api], { env: dead })).code).toBe(0);
  expect((await platform.cli(["contexts", "nowhere"])).code).toBe(3);
});

test("completion scripts are valid, and names are live", async () => {
  expect(await platform.ok(["__complete", "describe", "ec"])).toBe("echo\n");
  expect(await platform.ok(["__complete", "traffic", "echo", "--revision", ""])).toContain("echo-00001\n");
  expect(await platform.ok(["__complete", "list", ""], { env: { HANZO_FN_URL: "http://127.0.0.1:1" } })).toBe(
    "",
  );
  const bash = spawn("bash", ["-n"], { stdio: ["pipe", "ignore", "inherit"] });
  bash.stdin.end(await platform.ok(["completion", "bash"]));
  expect(await once(bash, "close")).toEqual([0, null]);
  expect(await platform.ok(["completion", "zsh"])).toMatch(/^#compdef hanzo-fn\n/);
  expect(await platform.ok(["completion", "fish"])).toContain("complete -c hanzo-fn");
});

test.each(["python", "typescript"])("init, deploy and invoke a %s function", async (runtime) => {
  const name = `made-${runtime}`;
  await platform.ok(["init", "--runtime", runtime, "--name", name]);
  const folder = join(platform.home, name);
  const again = await platform.cli(["init", "--runtime", runtime, "--name", name]);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("--force")]);
  const manifest = await readFile(join(folder, "function.yaml"), "utf8");
  const schema = /^# yaml-language-server: \$schema=(\S+)$/m.exec(manifest)?.[1] as string;
  expect(JSON.parse(await readFile(join(folder, schema), "utf8"))).toHaveProperty("properties");
  const deployed = await platform.cli(["deploy", "--source", name]);
  expect(deployed.code).toBe(0);
  expect(deployed.stdout).toBe(`${platform.invoke}/v1/functions/${name}/invoke\n`);
  expect(deployed.stderr).toMatch(/Packed \d+ files.*\[.* ms\]\n.*Uploaded.*\n[^]*Ready .*\[.*\]\n/);
  expect(deployed.stderr).not.toContain("\u001B");
  expect(await platform.ok(["invoke", name, "-d", '{"name":"Ada"}'])).toContain("Ada");
});

test("the Python template's own test passes", async (ctx) => {
  const sdk = join(REPOSITORY, "runtimes", "python", "sdk");
  await platform.ok(["init", "--name", "tested"]);
  const child = spawn("python3", ["-m", "unittest"], {
    cwd: join(platform.home, "tested"),
    env: { PATH: process.env["PATH"] ?? "", PYTHONPATH: sdk },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (piece: Buffer) => (said += piece.toString("utf8")));
  const [ended] = (await Promise.race([once(child, "close"), once(child, "error")])) as [unknown];
  if (ended instanceof Error) ctx.skip("there is no python3");
  expect([ended, said]).toEqual([0, expect.stringMatching(/Ran 2 tests[^]*OK/)]);
});

describe("deploy", () => {
  const moving = (code: string): FunctionSource => ({ name: "moving", runtime: "python", code });
  const traffic = () => platform.ok(["traffic", "moving", "-o", "name"]);

  test("says unchanged, holds traffic back, does not wait, and survives a failing revision; delete ends it", async () => {
    await deployFunction(platform, moving("def handle(ctx):\n    return 1\n"));
    const folder = join(platform.home, "functions", "moving");
    const again = await platform.cli(["deploy", "--source", folder]);
    expect([again.code, again.stderr]).toEqual([
      0,
      expect.stringContaining("Unchanged; revision moving-00001"),
    ]);

    const failing = await writeFunction(
      platform,
      moving("import not_there\n\ndef handle(ctx):\n    return 2\n"),
    );
    const failed = await platform.cli(["deploy", "--source", failing]);
    expect([failed.code, failed.stdout]).toEqual([1, ""]);
    expect(failed.stderr).toMatch(/^ {2}\| .*ModuleNotFoundError: No module named 'not_there'/m);
    expect(failed.stderr).toContain("the traffic stays where it was");
    expect(await traffic()).toBe("moving-00001\n");

    await deployFunction(platform, moving("def handle(ctx):\n    return 3\n"), ["--no-traffic"]);
    expect(await traffic()).toBe("moving-00001\n");
    expect(await platform.ok(["invoke", "moving", "--revision", "3"])).toBe("3\n");

    await deployFunction(platform, moving("def handle(ctx):\n    return 4\n"), ["--no-wait", "-o", "name"]);
    expect(await platform.ok(["revisions", "moving", "-o", "name"])).toContain("moving-00004");

    await platform.ok(["delete", "moving"]);
    expect((await platform.cli(["describe", "moving"])).code).toBe(3);
  });

  test("--check says what would change and what would be refused, and leaves everything as it is", async () => {
    const tried = (code: string, manifest = ""): FunctionSource => ({
      ...{ name: "tried", runtime: "python" },
      code,
      manifest,
    });
    const folder = await writeFunction(platform, tried("def handle(ctx):\n    return 1\n"));
    const first = await platform.cli(["deploy", "--source", folder, "--check"]);
    expect([first.code, first.stdout]).toEqual([
      0,
      "tried would be made, with a new revision tried-00001\n  traffic once it is ready: 00001=100% (latest)\n",
    ]);
    expect(first.stderr).toContain("Nothing was stored or built.");
    expect((await platform.cli(["describe", "tried"])).code).toBe(3);

    await platform.ok(["deploy", "--source", folder]);
    const second = await writeFunction(platform, tried("def handle(ctx):\n    return 2\n"));
    const answer = JSON.parse(
      await platform.ok(["deploy", "--source", second, "--check", "-o", "json"]),
    ) as object;
    expect(answer).toMatchObject({ ok: true, created: false, new_revision: true, revision: "tried-00002" });
    expect(await platform.ok(["revisions", "tried", "-o", "name"])).toBe("tried-00001\n");

    const lacking = tried("def handle(ctx):\n    return 3\n", "secrets: [{name: not-there, env: KEY}]\n");
    const third = await writeFunction(platform, lacking);
    const refused = await platform.cli(["deploy", "--source", third, "--check"]);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain("the secret not-there does not exist");
    await platform.ok(["delete", "tried"]);
  });

  test("a folder that is none and a missing manifest are wrong usage", async () => {
    for (const source of ["functions", "nowhere"]) {
      const result = await platform.cli(["deploy", "--source", source]);
      expect([result.code, result.stdout]).toEqual([2, ""]);
    }
  });
});
