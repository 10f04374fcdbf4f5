import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { inject, type TestContext } from "vitest";
import {
  type ContainerOptions,
  containerSpec,
  noContainers,
  type UnpackedImage,
} from "../conformance/container.ts";
import { freePort } from "../conformance/server.ts";

const POLL_MS = 20;
const LIMIT_MS = 20_000;

/** The layout of the runtime images; skips where containers cannot run. */
export function needImages(context: TestContext): string {
  const images = inject("images");
  const reason = "reason" in images ? images.reason : noContainers();
  if (reason !== undefined) context.skip(reason);
  return (images as { layout: string }).layout;
}

/** A container of runc that listens on a port of the loopback. */
export class Container implements AsyncDisposable {
  readonly port: number;
  /** The exit code of its first process. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #bundle: string;
  #output = "";

  private constructor(bundle: string, port: number) {
    this.port = port;
    this.#bundle = bundle;
    this.#child = spawn("runc", ["run", "--bundle", bundle, basename(bundle)], {
      // Held open: runc gives its container a pipe in any case, whose end would tell the server that the platform is gone.
      stdio: ["pipe", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk: Buffer) => (this.#output += chunk.toString("utf8")));
    this.exited = once(this.#child, "close").then(([code]) => code as number | null);
  }

  static async start(
    image: UnpackedImage,
    { env = {}, folders = {}, ...options }: Partial<ContainerOptions> = {},
  ): Promise<Container> {
    const bundle = await mkdtemp(join(tmpdir(), "hanzo-fn-container-"));
    const port = await freePort();
    await mkdir(bundle, { recursive: true });
    const variables = { PORT: String(port), HANZO_FN_HOST: "127.0.0.1", ...env };
    const spec = containerSpec(image, { ...options, env: variables, folders });
    await writeFile(join(bundle, "config.json"), JSON.stringify(spec));
    return new Container(bundle, port);
  }

  /** What it wrote until now, to either stream. */
  get output(): string {
    return this.#output;
  }

  call(path = "/", init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, init);
  }

  /** Resolves when `ready` answers 200, as a probe would see it. */
  ready(): Promise<void> {
    return this.until("it is ready", async () => (await this.call("/.hanzo/ready")).status === 200);
  }

  /** Resolves when calls are answered with this text. */
  answers(text: string): Promise<void> {
    return this.until(`it answers ${text}`, async () => (await (await this.call()).text()) === text);
  }

  says(text: string): Promise<void> {
    return this.until(`it says ${text}`, async () => this.output.includes(text));
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const limit = performance.now() + LIMIT_MS;
    while (!(await holds().catch(() => false))) {
      if (performance.now() > limit) throw new Error(`in ${LIMIT_MS} ms not: ${what}\n${this.output}`);
      await delay(POLL_MS);
    }
  }

  /** Sends a signal to its first process; runc passes it on. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await promisify(execFile)("runc", ["delete", "--force", basename(this.#bundle)]).catch(() => undefined);
    await this.exited;
    await rm(this.#bundle, { recursive: true, force: true });
  }
}
