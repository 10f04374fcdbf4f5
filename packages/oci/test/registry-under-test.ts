import { randomBytes } from "node:crypto";
import { systemClock, type Clock } from "@hanzo-fn/lifecycle";
import { recordingLog } from "@hanzo-fn/testkit";
import { writeImage } from "../src/image.ts";
import { writeLayer, type Layer } from "../src/layer.ts";
import type { Layout } from "../src/layout.ts";
import type { Descriptor } from "../src/media-types.ts";
import type { CredentialSource } from "../src/registry/credentials.ts";
import { createRegistry, type Registry } from "../src/registry/registry.ts";
import { httpTransport } from "../src/registry/transport.ts";

export interface UnderTest {
  readonly credentials?: CredentialSource | undefined;
  readonly silenceMs?: number | undefined;
  readonly chunkBytes?: number | undefined;
  readonly attempts?: number | undefined;
  readonly insecure?: boolean | undefined;
}

/** A client that sleeps next to nothing, with the lines that it logged and the pauses that it wanted. */
export function clientOf(server: { readonly host: string }, options: UnderTest = {}) {
  const { credentials, silenceMs = 10_000, chunkBytes, attempts = 4, insecure } = options;
  const log = recordingLog();
  const pauses: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      pauses.push(ms);
      return systemClock.sleep(Math.min(ms, 20), signal);
    },
  };
  const registry: Registry = createRegistry(
    { host: server.host, credentials, transport: httpTransport({ silenceMs }), clock, log },
    {
      chunkBytes,
      insecure,
      policy: {
        attempts,
        silentAttempts: 2,
        backoff: { initialMs: 5, factor: 2, maxMs: 20 },
        longestPauseMs: 2000,
      },
    },
  );
  return { registry, log, pauses };
}

export const MEBIBYTE = 1024 * 1024;

/** A layer whose bytes no compression makes smaller. */
export function randomLayer(layout: Layout, bytes: number, signal: AbortSignal): Promise<Layer> {
  const content = randomBytes(bytes);
  const entry = { kind: "file" as const, path: "/data", mode: 0o644, content };
  return writeLayer(layout, [entry], { createdBy: "test" }, signal);
}

export async function testImage(
  layout: Layout,
  name: string,
  layerBytes: readonly number[],
  signal: AbortSignal,
  base?: Descriptor,
): Promise<Descriptor> {
  const layers: Layer[] = [];
  for (const bytes of layerBytes) layers.push(await randomLayer(layout, bytes, signal));
  const config = { Entrypoint: ["/data"], Labels: { name } };
  return writeImage(layout, name, { architecture: "amd64", base, layers, config }, signal);
}
