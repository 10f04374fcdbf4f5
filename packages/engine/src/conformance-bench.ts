import { request } from "node:http";
import { PlatformError } from "@hanzo-fn/contract";
import { expect, onTestFinished } from "vitest";
import {
  revisionRef,
  type DesiredFunction,
  type DesiredRevision,
  type Engine,
  type Lease,
  type RevisionRef,
  type RevisionStatus,
  type Scaling,
} from "./engine.ts";

/**
 * The functions that an engine under test can deploy. `main` answers `/hello`, `/sleep?ms=`, `/spin?ms=` (busy),
 * `/exit?code=`, `/eat` (memory without end) and `/env`; the others do not come that far.
 */
type FixtureName = "main" | "broken" | "endless" | "leaver";

export interface EngineUnderTest {
  readonly engine: Engine;
  /** Runtime and entry of a fixture. */
  fixture(name: FixtureName): Pick<DesiredRevision, "runtime" | "entry" | "memoryBytes">;
  close(): Promise<void>;
}

const SCALING: Scaling = { minInstances: 0, maxInstances: 5, targetConcurrency: 10, scaleDownDelayMs: 0 };
const never = (): AbortSignal => new AbortController().signal;

interface Answer {
  readonly status: number;
  /** `X-Function-Instance` */
  readonly instance: unknown;
  readonly body: Record<string, unknown>;
}

export function send(lease: Lease, path: string): Promise<Answer> {
  const { address } = lease.target;
  const where =
    address.kind === "unix" ? { socketPath: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...where, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => {
        if (!response.complete) reject(new Error("the answer is not complete"));
        else {
          const body = JSON.parse(text) as Record<string, unknown>;
          const instance = response.headers["x-function-instance"];
          resolve({ status: response.statusCode ?? 0, instance, body });
        }
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** One test's view of the engine. */
export class Bench {
  readonly engine: Engine;
  readonly #under: EngineUnderTest;
  readonly #name = `f${Math.random().toString(36).slice(2, 8)}`;
  #scaling: Scaling = SCALING;
  readonly #revisions = new Map<number, DesiredRevision>();
  readonly states: string[] = [];

  constructor(under: EngineUnderTest) {
    this.#under = under;
    this.engine = under.engine;
    const stop = new AbortController();
    under.engine.deployer.observe(
      (status) => this.states.push(`${status.ref.name} ${status.state}`),
      stop.signal,
    );
    onTestFinished(async () => {
      stop.abort();
      await this.remove();
    });
  }

  ref(number = 1): RevisionRef {
    return revisionRef("acme", this.#name, number);
  }

  key(number = 1): string {
    return this.ref(number).key;
  }

  async deploy(fixture: FixtureName, over: Partial<DesiredRevision> = {}, number = 1): Promise<void> {
    this.#revisions.set(number, {
      ref: this.ref(number),
      sourceDigest: "0".repeat(64),
      environment: { GREETING: "hello" },
      secrets: {},
      cpuMillis: 100,
      timeoutMs: 10_000,
      concurrency: 10,
      percent: 100,
      ...this.#under.fixture(fixture),
      ...over,
    });
    await this.apply();
  }

  async scale(over: Partial<Scaling>): Promise<void> {
    this.#scaling = { ...this.#scaling, ...over };
    await this.apply();
  }

  async forget(number: number): Promise<void> {
    this.#revisions.delete(number);
    await this.apply();
  }

  async apply(): Promise<void> {
    const desired: DesiredFunction = {
      org: "acme",
      function: this.#name,
      scaling: this.#scaling,
      revisions: [...this.#revisions.values()],
    };
    await this.engine.deployer.apply(desired, never());
  }

  remove(): Promise<void> {
    return this.engine.deployer.remove({ org: "acme", function: this.#name }, never());
  }

  status(number = 1): RevisionStatus | undefined {
    return this.engine.deployer.status(this.ref(number));
  }

  async reaches(state: string, number = 1): Promise<RevisionStatus> {
    await expect.poll(() => this.status(number)?.state, { interval: 5 }).toBe(state);
    return this.status(number) as RevisionStatus;
  }

  /** Ready instances. */
  async counts(count: number, timeout = 30_000): Promise<void> {
    const ready = (): readonly (number | undefined)[] => [
      this.engine.deployer.ready(this.ref(1)),
      this.status()?.instances.filter((instance) => instance.state === "ready").length,
    ];
    await expect.poll(ready, { timeout, interval: 10 }).toEqual([count, count]);
  }

  acquire(number = 1): Promise<Lease> {
    return this.engine.instances.acquire(this.key(number), never());
  }

  async call(path: string, number = 1): Promise<Answer> {
    using lease = await this.acquire(number);
    return await send(lease, path);
  }

  /** A call that breaks; answers what the engine says about it. */
  async breaks(path: string): Promise<PlatformError> {
    using lease = await this.acquire();
    const broke = await send(lease, path).then(
      () => false,
      () => true,
    );
    expect(broke).toBe(true);
    return await lease.diagnose();
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof PlatformError ? error.code : String(error);
export const refused = (promise: Promise<unknown>): Promise<PlatformError> =>
  promise.then(
    () => Promise.reject(new Error("it was granted")),
    (error: unknown) => error as PlatformError,
  );

/** Whether the instance answers within 150 ms. */
export function responds(lease: Lease): Promise<boolean> {
  return Promise.race([
    send(lease, "/hello").then(
      () => true,
      () => false,
    ),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 150)),
  ]);
}
