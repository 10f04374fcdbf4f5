import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { linkProblem, parentsOf, pathProblem } from "@hanzo-fn/builder";
import type { Chunks } from "./chunks.ts";
import type { SourceLimits } from "./limits.ts";
import { createMagicDetector } from "./magic.ts";
import { tooLarge, type Problems } from "./problems.ts";

/** One file or link of a source tree; `size` and `sha256` are those of the content, or of the link's target. */
export interface SourceEntry {
  readonly path: string;
  /** 0644, 0755, or 0120000 for a link. */
  readonly mode: number;
  readonly size: number;
  readonly sha256: string;
  readonly target?: string | undefined;
}

export interface SpooledEntry extends SourceEntry {
  /** Where the content begins in the spool file. */
  readonly offset: number;
}

export const LINK_MODE = 0o120000;

/** What an archive format says of one entry. */
export type ArchiveEntry =
  | { readonly type: "directory"; readonly path: string }
  | { readonly type: "symlink"; readonly path: string; readonly target: string }
  | { readonly type: "refused"; readonly path: string; readonly rule: string }
  | {
      readonly type: "file";
      readonly path: string;
      readonly executable: boolean;
      /** Bytes that the archive claims. */
      readonly size: number;
      readonly content: () => Promise<Chunks>;
    };

export interface Collector {
  add(entry: ArchiveEntry): Promise<void>;
  /** The entries sorted by path; problems of the tree as a whole are reported here. */
  finish(): readonly SpooledEntry[];
}

function normalise(path: string): string {
  return path.replace(/^(\.\/)+/, "").replace(/\/$/, "");
}

/** A path that is there twice, or lies below something that is no directory. */
function reportConflicts(entries: ReadonlyMap<string, SpooledEntry>, problems: Problems): void {
  for (const path of entries.keys()) {
    const blocking = parentsOf(path).find((parent) => entries.has(parent));
    if (blocking !== undefined) problems.add("a path must not lie below a file or a link", path);
  }
}

/** Checks entries as they come and writes their content, one after the other, into the spool file. */
export function createCollector(spool: FileHandle, limits: SourceLimits, problems: Problems): Collector {
  const entries = new Map<string, SpooledEntry>();
  let count = 0;
  let offset = 0;

  const keep = (entry: SpooledEntry): void => {
    if (entries.has(entry.path)) problems.add("a path must occur once", entry.path);
    else entries.set(entry.path, entry);
  };

  const store = async (entry: ArchiveEntry & { type: "file" }, path: string): Promise<void> => {
    if (entry.size > limits.maxFileBytes) {
      throw tooLarge(`one file must not be larger than ${limits.maxFileBytes} bytes`, path);
    }
    const total = `the files must not be larger than ${limits.maxTotalBytes} bytes together`;
    if (offset + entry.size > limits.maxTotalBytes) throw tooLarge(total, path);
    const digest = createHash("sha256");
    const magic = createMagicDetector();
    const start = offset;
    for await (const chunk of await entry.content()) {
      // The claimed size may be a lie; what is written is what counts.
      if (offset - start + chunk.length > entry.size)
        throw tooLarge("a file must have its claimed size", path);
      digest.update(chunk);
      magic.push(chunk);
      await spool.writeFile(chunk);
      offset += chunk.length;
    }
    const kind = magic.kind();
    if (kind !== undefined) {
      const rule = `executable binaries are not allowed (${kind})`;
      problems.add(rule, path, "leave it out; dependencies are installed from their lock file");
    }
    const mode = entry.executable ? 0o755 : 0o644;
    keep({ path, mode, size: offset - start, sha256: digest.digest("hex"), offset: start });
  };

  const link = (path: string, target: string): void => {
    const problem = linkProblem(path, target);
    if (problem !== undefined) return problems.add(problem, path);
    const sha256 = createHash("sha256").update(target).digest("hex");
    keep({ path, mode: LINK_MODE, size: Buffer.byteLength(target), sha256, target, offset });
  };

  return {
    async add(entry) {
      count += 1;
      if (count > limits.maxEntries) {
        throw tooLarge(`an archive must not hold more than ${limits.maxEntries} entries`);
      }
      const path = normalise(entry.path);
      if (entry.type === "directory" && (path === "" || path === ".")) return;
      const problem = pathProblem(path, limits.maxPathBytes);
      if (problem !== undefined) return problems.add(problem, entry.path);
      if (entry.type === "refused") return problems.add(entry.rule, path);
      if (entry.type === "symlink") return link(path, entry.target);
      if (entry.type === "file") await store(entry, path);
    },
    finish() {
      reportConflicts(entries, problems);
      if (entries.size === 0) problems.add("an archive must hold at least one file");
      return [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    },
  };
}
