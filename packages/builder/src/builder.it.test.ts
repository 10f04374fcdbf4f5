import { execFileSync } from "node:child_process";
import { access, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it, type TestContext } from "vitest";
import { createBuilder } from "./builder.ts";
import type { BuildRequest, Builder, BuilderOptions } from "./types.ts";

const silent: Logger = { log() {}, debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const never = new AbortController().signal;

type Files = Readonly<Record<string, string>>;

let root: string;
let sources: Map<string, Files>;
let builders: Builder[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "hanzo-fn-builder-"));
  sources = new Map();
  builders = [];
});
afterEach(async () => {
  await Promise.all(builders.map((builder) => builder.close()));
  await rm(root, { recursive: true, force: true });
});

async function* archive(files: Files): AsyncGenerator<Uint8Array> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) {
    if (content.startsWith("-> ")) tar.entry({ name, type: "symlink", linkname: content.slice(3) }, "");
    else tar.entry({ name }, content);
  }
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as AsyncIterable<Buffer>) parts.push(part);
  yield gzipSync(Buffer.concat(parts));
}

async function builderWith(options: Partial<BuilderOptions> = {}): Promise<Builder> {
  const builder = await createBuilder(
    {
      openSource: async (org, digest) => {
        const files = sources.get(`${org}/${digest}`);
        if (!files) throw new Error("no such source");
        return archive(files);
      },
      clock: systemClock,
      log: silent,
    },
    {
      workRoot: join(root, "work"),
      layersRoot: join(root, "layers"),
      cacheRoot: join(root, "cache"),
      runtimes: { python: { command: ["python3"] }, node: { command: [process.execPath] } },
      hostEnvironment: process.env,
      ...options,
    },
  );
  builders.push(builder);
  return builder;
}

function request(runtime: string, entry: string, files: Files, org = "acme"): BuildRequest {
  const sourceDigest = `d${sources.size}`;
  sources.set(`${org}/${sourceDigest}`, files);
  return { org, function: "f", revision: "f-00001", runtime, entry, sourceDigest };
}

function needPython(context: TestContext): void {
  try {
    execFileSync("python3", ["-m", "pip", "--version"], { stdio: "ignore" });
  } catch {
    context.skip("python3 with pip is not installed here");
  }
}

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What an entry of a working copy gives when Node runs it as the runtime would. */
function evaluate(dir: string, file: string, expression: string): unknown {
  const script = `import(${JSON.stringify(pathToFileURL(join(dir, file)).href)}).then((m) => console.log(JSON.stringify(${expression})))`;
  return JSON.parse(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }));
}

describe("TypeScript", () => {
  it("is bundled with its local files, tsconfig paths, CommonJS and JSON", async () => {
    const builder = await builderWith();
    const copy = await builder.prepare(
      request("typescript", "src/handler.webhook", {
        "src/handler.ts": `import { greet } from "@lib/greet"; import { old } from "./old.cjs"; import data from "../data.json" with { type: "json" };
export const webhook = (): string[] => [greet("you"), ...old(), data.name];`,
        "src/old.cjs": `const { basename } = require("node:path"); exports.old = () => [basename(__filename), basename(__dirname)];`,
        "lib/greet.ts":
          "export enum Kind { A } \nexport const greet = (who: string): string => `hello ${who}`;",
        "data.json": `{"name": "data"}`,
        "tsconfig.base.json": `{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }`,
        "tsconfig.json": `{ // a comment\n "extends": "./tsconfig.base.json", "compilerOptions": { "strict": true, }, }`,
      }),
      never,
    );
    expect(copy).toMatchObject({ entry: "src/handler.webhook", paths: [], cached: false });
    expect(Object.keys(copy.phasesMs)).toEqual(["unpack", "dependencies", "bundle"]);
    expect(copy.layerKey).toBeUndefined();
    expect(evaluate(copy.dir, "src/handler.hanzo.mjs", "m.webhook()")).toEqual([
      "hello you",
      "handler.hanzo.mjs",
      "src",
      "data",
    ]);
    expect((await readdir(copy.dir)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("with a syntax error is refused with file, line and column", async () => {
    const builder = await builderWith();
    const error = builder.prepare(
      request("typescript", "handler.run", { "handler.ts": "export const a = 1;\nexport const b = ;\n" }),
      never,
    );
    await expect(error).rejects.toMatchObject({
      code: "build_failed",
      function: "f",
      revision: "f-00001",
      details: [{ path: "handler.ts", line: 2, column: 18 }],
    });
  });

  it("with an import that is not there is refused", async () => {
    const builder = await builderWith();
    const error = builder.prepare(
      request("typescript", "handler.run", {
        "handler.ts": `\nimport { x } from "./gone.ts";\nexport const run = x;`,
      }),
      never,
    );
    await expect(error).rejects.toMatchObject({
      code: "build_failed",
      details: [{ path: "handler.ts", line: 2 }],
    });
  });

  it.each([
    [
      "import",
      `import secret from "../../../secret.json" with { type: "json" }; export const run = () => secret;`,
      "{}",
    ],
    ["tsconfig", `export const run = 1;`, `{ "extends": "../../../secret.json" }`],
  ])("cannot reach files outside by %s", async (_how, handler, tsconfig) => {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(join(root, "secret.json"), `{"planted": "do-not-show" oops`);
    const builder = await builderWith();
    const files = { "handler.ts": handler, "tsconfig.json": tsconfig };
    const outcome = await builder.prepare(request("typescript", "handler.run", files), never).then(
      (copy) => readFile(join(copy.dir, "handler.hanzo.mjs"), "utf8"),
      (error: unknown) => JSON.stringify(error),
    );
    expect(outcome).not.toContain("do-not-show");
  });

  it("without a file for its entry names what there is", async () => {
    const builder = await builderWith();
    const error = builder.prepare(
      request("typescript", "handlr.run", { "handler.ts": "", "lib/a.ts": "" }),
      never,
    );
    await expect(error).rejects.toMatchObject({
      code: "build_failed",
      next: expect.stringContaining("handler.ts, lib/"),
    });
  });

  it("needs no registry for the SDK, and overwrites a shipped bundle instead of writing through it", async () => {
    const builder = await builderWith({ npmCommand: ["/nonexistent/npm"] });
    const copy = await builder.prepare(
      request("typescript", "handler.run", {
        "handler.js": `export { Response } from "@hanzo/functions"; export const run = () => 1;`,
        "handler.hanzo.mjs": "-> victim.txt",
        "package.json": `{"dependencies": {"@hanzo/functions": "^1.0.0"}}`,
        "victim.txt": "untouched",
      }),
      never,
    );
    expect(await readFile(join(copy.dir, "victim.txt"), "utf8")).toBe("untouched");
    expect(await readFile(join(copy.dir, "handler.hanzo.mjs"), "utf8")).toContain(`"@hanzo/functions"`);
  });

  it(
    "gets its npm dependency from the registry, into a layer that the next source shares",
    { timeout: 120_000 },
    async () => {
      const builder = await builderWith();
      const files = {
        "handler.ts": `import ms from "ms"; export const run = (): number => ms("2m");`,
        "package.json": `{"dependencies": {"ms": "2.1.3", "@hanzo/functions": "*"}, "devDependencies": {"typescript": "5"}}`,
      };
      const first = await builder.prepare(request("typescript", "handler.run", files), never);
      expect(evaluate(first.dir, "handler.hanzo.mjs", "m.run()")).toBe(120_000);
      const second = await builder.prepare(
        request("typescript", "handler.run", { ...files, "more.txt": "x" }),
        never,
      );
      expect(second.dir).not.toBe(first.dir);
      expect(second.layerKey).toBe(first.layerKey);
      const layers = await readdir(join(root, "layers"));
      expect(layers).toHaveLength(1);
      expect(await readdir(join(root, "layers", layers[0] ?? "", "node_modules"))).toContain("ms");
    },
  );

  it("with an unreachable registry gets a 503 that says what to do", { timeout: 180_000 }, async () => {
    const builder = await builderWith({
      hostEnvironment: {
        PATH: process.env["PATH"],
        npm_config_registry: `http://127.0.0.1:${await deadPort()}/`,
      },
    });
    const files = {
      "handler.js": "export const run = 1;",
      "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
    };
    await expect(builder.prepare(request("typescript", "handler.run", files), never)).rejects.toMatchObject({
      code: "registry_unreachable",
      status: 503,
      next: expect.stringContaining("registry"),
    });
    expect(await readdir(join(root, "layers"))).toEqual([]);
    expect((await readdir(join(root, "work"))).filter((name) => name !== ".secret")).toEqual([]);
  });

  it("without npm on the machine is unsupported", async () => {
    const builder = await builderWith({ npmCommand: ["/nonexistent/npm"] });
    const files = {
      "handler.js": "export const run = 1;",
      "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
    };
    await expect(builder.prepare(request("typescript", "handler.run", files), never)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("npm"),
    });
  });
});

describe("Python", () => {
  it("is byte-compiled and needs no pip without dependencies", async (context) => {
    needPython(context);
    const builder = await builderWith({ pipCommand: ["/nonexistent/pip"] });
    const copy = await builder.prepare(
      request("python", "pkg.handler.run", {
        "pkg/__init__.py": "",
        "pkg/handler.py": "def run(ctx):\n    return 1\n",
        "broken.py": "def (:\n",
        "requirements.txt": "# none\nhanzo-functions\n",
      }),
      never,
    );
    expect(copy.paths).toEqual([]);
    expect(
      (await readdir(join(copy.dir, "pkg/__pycache__"))).some((name) => name.startsWith("handler.")),
    ).toBe(true);
  });

  it("without a file for its entry is refused", async () => {
    const builder = await builderWith();
    const error = builder.prepare(request("python", "handler.run", { "main.py": "" }), never);
    await expect(error).rejects.toMatchObject({
      code: "build_failed",
      next: expect.stringContaining("main.py"),
    });
  });

  it.each([
    ["requirements.txt", { "requirements.txt": "six==1.17.0\n" }],
    [
      "pyproject.toml",
      { "pyproject.toml": `[project]\nname = "x"\nversion = "1"\ndependencies = ["six==1.17.0"]\n` },
    ],
  ])("gets its dependencies of %s from the registry", { timeout: 120_000 }, async (_file, files, ...rest) => {
    needPython((rest as unknown[]).at(-1) as TestContext);
    const builder = await builderWith();
    const copy = await builder.prepare(
      request("python", "handler.run", { "handler.py": "import six", ...files }),
      never,
    );
    expect(copy.paths).toHaveLength(1);
    const version = execFileSync("python3", ["-c", "import six;print(six.__version__)"], {
      env: { ...process.env, PYTHONPATH: copy.paths[0] },
      encoding: "utf8",
    });
    expect(version.trim()).toBe("1.17.0");
    expect(await readdir(join(copy.paths[0] ?? "", "__pycache__"))).not.toEqual([]);
  });

  it("with an unreachable registry gets a 503", { timeout: 180_000 }, async (context) => {
    needPython(context);
    const builder = await builderWith({
      hostEnvironment: {
        PATH: process.env["PATH"],
        PIP_INDEX_URL: `http://127.0.0.1:${await deadPort()}/simple`,
      },
    });
    const files = { "handler.py": "", "requirements.txt": "six==1.17.0" };
    await expect(builder.prepare(request("python", "handler.run", files), never)).rejects.toMatchObject({
      code: "registry_unreachable",
      retryAfterSeconds: 30,
    });
  });

  it(
    "with a requirement that nobody has is refused with pip's words",
    { timeout: 180_000 },
    async (context) => {
      needPython(context);
      const builder = await builderWith({
        hostEnvironment: { PATH: process.env["PATH"], PIP_NO_INDEX: "1" },
      });
      const files = { "handler.py": "", "requirements.txt": "six==999.0" };
      const error = await builder
        .prepare(request("python", "handler.run", files), never)
        .catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: "build_failed" });
      expect(JSON.stringify((error as { details: unknown }).details)).toContain("six==999.0");
    },
  );

  it("without Python, or without pip, is unsupported", async (context) => {
    needPython(context);
    const files = { "handler.py": "", "requirements.txt": "six" };
    const none = await builderWith({ runtimes: { node: { command: [process.execPath] } } });
    await expect(none.prepare(request("python", "handler.run", files), never)).rejects.toMatchObject({
      code: "unsupported",
    });
    const noPip = await builderWith({ pipCommand: ["/nonexistent/pip"] });
    await expect(noPip.prepare(request("python", "handler.run", files), never)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("pip"),
    });
  });
});

describe("working copies", () => {
  const files: Files = { "handler.js": "export const run = 1;" };

  it("are made once for concurrent callers, and found again after a restart", async () => {
    const builder = await builderWith();
    const wanted = request("typescript", "handler.run", files);
    const [one, two] = await Promise.all([builder.prepare(wanted, never), builder.prepare(wanted, never)]);
    expect(one.dir).toBe(two.dir);
    const restarted = await builderWith();
    sources.clear();
    expect(await restarted.prepare(wanted, never)).toMatchObject({
      dir: one.dir,
      cached: true,
      phasesMs: {},
    });
  });

  it("have unguessable names in a directory that others cannot list, and are readable by all", async () => {
    const builder = await builderWith();
    const copy = await builder.prepare(request("typescript", "handler.run", files), never);
    const name = dirname(copy.dir);
    expect(basename(name)).toMatch(/^[0-9a-f]{64}$/);
    expect((await stat(dirname(name))).mode & 0o777).toBe(0o711);
    expect((await stat(copy.dir)).mode & 0o777).toBe(0o755);
    expect((await stat(join(copy.dir, "handler.js"))).mode & 0o777).toBe(0o644);
    expect((await stat(join(name, "copy.json"))).mode & 0o777).toBe(0o600);
  });

  it("of one source differ between organisations", async () => {
    const builder = await builderWith();
    const mine = request("typescript", "handler.run", files);
    sources.set(`zoo/${mine.sourceDigest}`, files);
    const theirs = { ...mine, org: "zoo" };
    expect((await builder.prepare(mine, never)).dir).not.toBe((await builder.prepare(theirs, never)).dir);
  });

  it("go when nothing refers to them and they were not asked for lately", async () => {
    const wanted = request("typescript", "handler.run", files);
    const builder = await builderWith();
    const copy = await builder.prepare(wanted, never);
    expect(await builder.collect([])).toEqual({ removed: 0 });
    const restarted = await builderWith();
    expect(await restarted.collect([wanted])).toEqual({ removed: 0 });
    expect(await restarted.collect([])).toEqual({ removed: 1 });
    await expect(access(copy.dir)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("go on being built when one of two callers leaves", async () => {
    const builder = await builderWith();
    const wanted = request("typescript", "handler.run", files);
    const controller = new AbortController();
    const leaving = builder.prepare(wanted, controller.signal);
    const staying = builder.prepare(wanted, never);
    controller.abort(new Error("left"));
    await expect(leaving).rejects.toThrow("left");
    expect(await staying).toMatchObject({ cached: false });
  });
});

const WITH_MS: Files = {
  "handler.js": "export const run = 1;",
  "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
};

/** Of all processes of this machine but ended ones. */
function commandLines(): string {
  return execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" });
}

describe("a build", () => {
  it("that hangs is ended at its time limit, with all that it started", { timeout: 120_000 }, async () => {
    const seconds = `301.${process.pid}`;
    const script = `setsid sleep ${seconds} & sleep ${seconds} & sleep ${seconds}`;
    const builder = await builderWith({ npmCommand: ["/bin/sh", "-c", script], timeoutMs: 500 });
    await expect(builder.prepare(request("typescript", "handler.run", WITH_MS), never)).rejects.toMatchObject(
      {
        code: "build_failed",
        message: expect.stringContaining("0.5 s"),
      },
    );
    await expect.poll(() => commandLines()).not.toContain(seconds);
  });

  it("that takes too much memory is ended", { timeout: 120_000 }, async () => {
    const script = "global.kept = Buffer.alloc(300_000_000).fill(1); setTimeout(() => {}, 60_000)";
    const builder = await builderWith({
      npmCommand: [process.execPath, "-e", script],
      maxMemoryBytes: 128 * 1024 * 1024,
    });
    await expect(builder.prepare(request("typescript", "handler.run", WITH_MS), never)).rejects.toMatchObject(
      {
        code: "build_failed",
        message: "npm was ended: it used more than 128 MiB of memory",
        next: expect.stringContaining("builds.max_memory_bytes"),
      },
    );
  });

  it(
    "that fills the disk is ended long before it is full, and leaves nothing",
    { timeout: 120_000 },
    async () => {
      const builder = await builderWith({
        npmCommand: ["/bin/sh", "-c", "while :; do head -c 1000000 /dev/zero >> big; sleep 0.01; done"],
        maxDiskBytes: 20 * 1024 * 1024,
      });
      await expect(
        builder.prepare(request("typescript", "handler.run", WITH_MS), never),
      ).rejects.toMatchObject({
        code: "build_failed",
        message: "npm was ended: it wrote more than 20 MiB",
      });
      expect(await readdir(join(root, "layers"))).toEqual([]);
    },
  );

  it("ends when the last one who waits for it leaves, and begins anew for the next one", async () => {
    const seconds = `302.${process.pid}`;
    const builder = await builderWith({ npmCommand: ["/bin/sh", "-c", `exec sleep ${seconds}`] });
    const wanted = request("typescript", "handler.run", WITH_MS);
    for (const reason of ["replaced", "enough"]) {
      const leaving = new AbortController();
      const left = builder.prepare(wanted, leaving.signal);
      await expect.poll(() => commandLines()).toContain(seconds);
      leaving.abort(new Error(reason));
      await expect(left).rejects.toThrow(reason);
      await expect.poll(() => commandLines()).not.toContain(seconds);
    }
  });

  it("tells line by line what its tools print, without credentials", async () => {
    const builder = await builderWith({
      npmCommand: ["/bin/sh", "-c", "echo one; echo https://me:secret@host/x >&2; printf three"],
    });
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    await builder.prepare(request("typescript", "handler.run", WITH_MS), never, onLine);
    expect(lines.toSorted()).toEqual(["https://***@host/x", "one", "three"]);
  });

  it("sees none of the platform's secrets", async () => {
    const builder = await builderWith({
      npmCommand: ["/bin/sh", "-c", "env | grep -E '^HOME=|planted'; exit 1"],
      hostEnvironment: { ...process.env, KMS_CLIENT_SECRET: "planted" },
    });
    const wanted = request("typescript", "handler.run", {
      "handler.js": "export const run = 1;",
      "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
    });
    const error = await builder.prepare(wanted, never).catch((cause: unknown) => cause);
    expect(JSON.stringify(error)).not.toContain("planted");
    expect(JSON.stringify((error as { details: unknown }).details)).toContain("HOME=");
  });

  it("whose dependencies are too large is refused, and leaves no layer", async () => {
    const builder = await builderWith({
      npmCommand: ["/bin/sh", "-c", "head -c 5000 /dev/zero > big"],
      maxLayerBytes: 4000,
    });
    const wanted = request("typescript", "handler.run", {
      "handler.js": "export const run = 1;",
      "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
    });
    await expect(builder.prepare(wanted, never)).rejects.toMatchObject({ code: "build_failed" });
    expect(await readdir(join(root, "layers"))).toEqual([]);
  });

  it("runs as another user where the platform is root, and its files become the platform's", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can change users");
    const { chmod } = await import("node:fs/promises");
    await chmod(root, 0o711);
    const builder = await builderWith({
      npmCommand: [
        "/bin/sh",
        "-c",
        "mkdir node_modules; id -u > node_modules/uid; chmod 4777 node_modules/uid",
      ],
      runAs: { uid: 65_534, gid: 65_534 },
      runtimes: { node: { command: ["/bin/sh", "-c", "echo node"] } },
    });
    const wanted = request("typescript", "handler.run", {
      "handler.js": "export const run = 1;",
      "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
    });
    const copy = await builder.prepare(wanted, never);
    const file = join(copy.dir, "node_modules/uid");
    expect((await readFile(file, "utf8")).trim()).toBe("65534");
    expect(await stat(file)).toMatchObject({ uid: 0, mode: 0o100755 });
  });
});
