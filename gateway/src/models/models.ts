import { createSingleFlight } from "@hanzo-fn/lifecycle";
import { PlatformError } from "@hanzo-fn/contract";
import { refuse } from "../refuse.ts";
import { checkModelName, chooseFiles } from "./names.ts";
import type { FoundModel, ModelSource, ModelSources } from "./source.ts";
import type { LocalModel, ModelTrees } from "./tree.ts";

export interface Models {
  /**
   * The model's files on this machine, taken in first where they are not there as they are at their source. Where the
   * source does not answer, what was taken in before is good enough. Throws `not_found` with every place that was
   * looked at, `unsupported` for weights that are pickled, `unavailable`, `storage_full`.
   */
  resolve(name: string, org: string, signal: AbortSignal): Promise<LocalModel>;
  /** Ends downloads. */
  close(): void;
}

function stampsOf({ place, files }: FoundModel): string {
  return JSON.stringify([place, ...files.map(({ name, stamp }) => [name, stamp])]);
}

/** Rejects when the signal aborts, whatever becomes of the work. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export function createModels(trees: ModelTrees, sources: ModelSources): Models {
  const closed = new AbortController();
  const single = createSingleFlight<LocalModel>();

  const takeIn = async (name: string, source: ModelSource, found: FoundModel): Promise<LocalModel> => {
    const { files, onlyPickled } = chooseFiles(found.files);
    if (onlyPickled) {
      throw refuse(
        "unsupported",
        `${found.place} has the weights of ${name} as pickles alone, which run code when loaded`,
        {
          next: "convert the weights to safetensors or ONNX",
        },
      );
    }
    const stamps = stampsOf({ place: found.place, files });
    const { place } = source;
    return (
      (await trees.find(place, stamps)) ??
      // One download for all who ask, and for those who ask later where the first one goes away.
      (await single(`${place}\n${stamps}`, () => trees.take({ place, files }, stamps, closed.signal)))
    );
  };
  const lookIn = async (
    source: ModelSource,
    signal: AbortSignal,
  ): Promise<FoundModel | LocalModel | undefined> => {
    try {
      return await source.find(signal);
    } catch (error) {
      const down = error instanceof PlatformError && error.code === "unavailable";
      const before = down ? await trees.find(source.place, undefined) : undefined;
      if (before === undefined) throw error;
      return before;
    }
  };
  const resolve = async (name: string, org: string, signal: AbortSignal): Promise<LocalModel> => {
    const places = sources(name, org);
    for (const source of places) {
      const found = await lookIn(source, signal);
      if (found !== undefined) return "digest" in found ? found : takeIn(name, source, found);
    }
    const looked = places.map(({ place }) => place).join(", ");
    throw refuse("not_found", `there is no model ${name}: looked in ${looked}`, {
      next: "put its files into one of these places",
    });
  };
  return {
    resolve: (name, org, signal) => unlessAborted(resolve(checkModelName(name), org, signal), signal),
    close: () => closed.abort(refuse("unavailable", "the platform is stopping")),
  };
}
