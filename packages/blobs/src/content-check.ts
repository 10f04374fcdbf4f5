import { PlatformError } from "@hanzo-fn/contract";
import { createHash } from "node:crypto";

/** Counts and hashes what passes, and throws where it is not what was announced. */
export interface ContentCheck {
  readonly take: (chunk: Uint8Array) => void;
  readonly end: () => void;
  readonly size: () => number;
}

export function contentCheck(options: {
  readonly digest?: string | undefined;
  readonly size?: number | undefined;
}): ContentCheck {
  const hash = options.digest === undefined ? undefined : createHash("sha256");
  let size = 0;
  return {
    size: () => size,
    take(chunk) {
      size += chunk.length;
      hash?.update(chunk);
      if (options.size !== undefined && size > options.size) throw wrongSize(options.size);
    },
    end() {
      if (options.size !== undefined && size !== options.size) throw wrongSize(options.size);
      if (hash && hash.digest("hex") !== options.digest) {
        throw new PlatformError(
          "invalid_source",
          "the content does not have the digest it was announced with",
          { component: "blobs" },
        );
      }
    },
  };
}

function wrongSize(announced: number): PlatformError {
  return new PlatformError("bad_request", `the content is not the ${announced} bytes it was announced with`, {
    component: "blobs",
  });
}
