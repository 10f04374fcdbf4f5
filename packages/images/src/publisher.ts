import { createHash } from "node:crypto";
import { createSharedBuilds } from "@hanzo-fn/builder";
import { PlatformError } from "@hanzo-fn/contract";
import type { DesiredRevision, Prepare } from "@hanzo-fn/engine";
import type { Published, Publisher } from "@hanzo-fn/engine/knative";
import { type Clock, createGate } from "@hanzo-fn/lifecycle";
import {
  type Descriptor,
  digestReference,
  type ImageRuntime,
  type Layout,
  type Manifest,
  pullImage,
  pushImage,
  type Registry,
  RUNTIME_IMAGES,
  type SigningKey,
  signImage,
} from "@hanzo-fn/oci";
import type { Logger } from "@hanzo-fn/telemetry";
import { assemble, type Assembled, type KnownLayer } from "./assemble.ts";
import type { Base, Bases } from "./bases.ts";
import { imageTag, repositoryOf } from "./names.ts";
import type { ImageRecord, SourceReference } from "./collect.ts";
import type { Records } from "./records.ts";
import type { Scratch } from "./scratch.ts";

export interface PublisherParts {
  /** The working copy of a revision, built where it is not there yet. */
  readonly prepare: Prepare;
  /** What decides about a build besides the source. */
  readonly keyOf: (runtime: string) => string;
  readonly registry: Registry;
  readonly bases: Bases;
  readonly scratch: Scratch;
  readonly published: Records<ImageRecord>;
  readonly layers: Records<KnownLayer>;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info">;
}

export interface PublisherSettings {
  /** Path in front of every repository. */
  readonly prefix: string;
  /** As OCI writes it: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Images that are assembled and sent at once. Default 4. */
  readonly concurrency?: number | undefined;
  /** Signs the images of functions. */
  readonly signingKey?: SigningKey | undefined;
}

/** Raise it when the same inputs give another image. */
const FORMAT = 1;
const DEFAULT_CONCURRENCY = 4;

interface Wanted {
  readonly revision: DesiredRevision;
  readonly runtime: ImageRuntime;
  readonly repository: string;
  /** Of everything that decides about the image. */
  readonly key: string;
}

type Phases = Record<string, number>;

/** Whether the registry has an image with all of its blobs: one that lost a layer still gives the manifest. */
async function isWhole(
  registry: Registry,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { bytes } = await registry.getManifest(repository, digest, signal);
    const { config, layers } = JSON.parse(bytes.toString("utf8")) as Manifest;
    const blobs = [config, ...layers].map((blob) => registry.hasBlob(repository, blob.digest, signal));
    return (await Promise.all(blobs)).every(Boolean);
  } catch (error) {
    if (error instanceof PlatformError && error.code === "not_found") return false;
    throw error;
  }
}

/** `closing` ends what is under way. */
export function createPublisher(
  parts: PublisherParts,
  settings: PublisherSettings,
  closing: AbortSignal,
): Publisher {
  const { prepare, registry, bases, scratch, published, layers, clock, log } = parts;
  const { signingKey, architecture, concurrency = DEFAULT_CONCURRENCY } = settings;
  const shared = createSharedBuilds<Published>(closing);
  const sharedBase = createSharedBuilds<Base>(closing);
  const gate = createGate(concurrency);

  const timed = async <T>(phases: Phases, phase: string, run: () => Promise<T>): Promise<T> => {
    const begin = clock.monotonic();
    const result = await run();
    phases[phase] = Math.round((clock.monotonic() - begin) * 10) / 10;
    return result;
  };

  const wantedOf = async (revision: DesiredRevision): Promise<Wanted> => {
    const { ref, entry, sourceDigest } = revision;
    const runtime = runtimeOf(revision);
    const repository = repositoryOf(settings.prefix, ref.org, ref.function);
    const base = await bases.pinned(runtime);
    const decides = [
      runtime,
      entry,
      sourceDigest,
      base.digest,
      parts.keyOf(runtime),
      signingKey !== undefined,
    ];
    const text = JSON.stringify([FORMAT, registry.host, repository, architecture, ...decides]);
    return { revision, runtime, repository, key: createHash("sha256").update(text).digest("hex") };
  };

  /** What was published before, if the registry still has it. While that cannot be asked, the nodes of the cluster may have it. */
  const before = async ({ key, repository }: Wanted, signal: AbortSignal): Promise<Published | undefined> => {
    const known = await published.get(key);
    if (known === undefined) return undefined;
    const image = digestReference(registry.host, repository, known.digest);
    const phasesMs: Phases = {};
    try {
      const ask = () => isWhole(registry, repository, known.digest, signal);
      if (!(await timed(phasesMs, "check", ask))) return undefined;
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== "registry_unreachable") throw error;
      return { image, phasesMs, warnings: [...known.warnings, `not asked for again: ${error.message}`] };
    }
    await published.put(key, { ...known, usedAtMs: clock.now() });
    return { image, phasesMs, warnings: known.warnings };
  };

  /** In the layout, over what is in the registry now. */
  const pushed = async (
    layout: Layout,
    { repository, revision, key, runtime }: Wanted,
    base: Base,
    make: (below: Descriptor, anew: boolean) => Promise<Assembled>,
    phases: Phases,
    signal: AbortSignal,
  ): Promise<string> => {
    const tags = [imageTag(revision.ref.number, key)];
    const how = { architecture, withoutLayers: true };
    const below = await timed(phases, "base", () =>
      pullImage(registry, base.repository, base.digest, layout, how, signal),
    );
    for (const anew of [false, true]) {
      const made = await timed(phases, "assemble", () => make(below, anew));
      const mountFrom = [...new Set([base.repository, ...made.mountFrom])];
      try {
        await timed(phases, "push", () =>
          pushImage([layout], made.image, { registry, repository, tags, mountFrom, mend: true }, signal),
        );
      } catch (error) {
        // A layer of before that the registry has lost meanwhile is made again.
        const lost = error instanceof PlatformError && error.code === "not_found";
        if (!lost || anew || made.mountFrom.length === 0) throw error;
        log.info("dependencies are sent again", { repository, runtime });
        continue;
      }
      for (const [name, layer] of made.fresh) await layers.put(name, { layer, repository });
      return made.image.digest;
    }
    throw new PlatformError("internal", "an image was assembled twice", { component: "images" });
  };

  const make = async (wanted: Wanted, signal: AbortSignal): Promise<Published> => {
    const known = await before(wanted, signal);
    if (known !== undefined) return known;
    const { revision, runtime, repository, key } = wanted;
    const phases: Phases = {};
    // First: a base that is not to be trusted is said before minutes of compiling.
    const base = await timed(phases, "verify", () =>
      sharedBase(runtime, signal, (own) => bases.resolve(runtime, own)),
    );
    const copy = await timed(phases, "build", () => prepare(revision, signal));
    return gate(signal, async () => {
      await using place = await scratch.layout();
      const { layout } = place;
      const name = repository.slice(repository.lastIndexOf("/") + 1);
      const input = { name, runtime, copy, known: layers };
      const digest = await pushed(
        layout,
        wanted,
        base,
        (below, anew) => assemble(layout, { ...input, base: below, anew }, signal),
        phases,
        signal,
      );
      if (signingKey !== undefined) {
        await timed(phases, "sign", () => signImage(registry, repository, digest, signingKey, signal));
      }
      const { warnings } = base;
      const source = sourceOf(revision);
      await published.put(key, { source, repository, digest, warnings, usedAtMs: clock.now() });
      const image = digestReference(registry.host, repository, digest);
      log.info("image published", {
        org_id: revision.ref.org,
        revision: revision.ref.name,
        image,
        ...phases,
      });
      return { image, phasesMs: phases, warnings };
    });
  };

  return {
    async publish(revision, signal) {
      signal.throwIfAborted();
      const wanted = await wantedOf(revision);
      return shared(wanted.key, signal, (own) => make(wanted, own));
    },
  };
}

function sourceOf({ ref, runtime, entry, sourceDigest }: DesiredRevision): SourceReference {
  return { org: ref.org, function: ref.function, runtime, entry, sourceDigest };
}

function runtimeOf({ runtime, ref }: DesiredRevision): ImageRuntime {
  if (Object.hasOwn(RUNTIME_IMAGES, runtime)) return runtime as ImageRuntime;
  throw new PlatformError("unsupported", `there is no image for functions in ${runtime}`, {
    component: "images",
    function: ref.function,
    revision: ref.name,
    next: `Use one of ${Object.keys(RUNTIME_IMAGES).join(", ")}`,
  });
}
