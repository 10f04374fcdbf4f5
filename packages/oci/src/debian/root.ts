import type { LayerEntry } from "../entries.ts";
import { downloadPackages } from "./download.ts";
import { packageEntries } from "./entries.ts";

/** What functions run as. Distroless images use the same number. */
export const NONROOT = 65_532;

const CERTIFICATES = "/usr/share/ca-certificates/";
const CERTIFICATE_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

function text(path: string, content: string): LayerEntry {
  return { kind: "file", path, mode: 0o644, content: Buffer.from(content) };
}

/** Users, links and folders that packages make in scripts, which are not run here. */
function skeleton(): LayerEntry[] {
  const merged = ["bin", "sbin", "lib", "lib64"].map((name): LayerEntry => ({
    kind: "link",
    path: `/${name}`,
    target: `usr/${name}`,
  }));
  return [
    ...merged,
    text(
      "/etc/passwd",
      `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${NONROOT}:${NONROOT}:nonroot:/home/nonroot:/sbin/nologin\n`,
    ),
    text("/etc/group", `root:x:0:\nnonroot:x:${NONROOT}:\n`),
    text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ...["/app", "/dev", "/proc", "/run", "/sys"].map((path): LayerEntry => ({ kind: "directory", path })),
    { kind: "directory", path: "/tmp", mode: 0o1777 },
    { kind: "directory", path: "/home/nonroot", mode: 0o755 },
  ];
}

/** One file with all certificates, as update-ca-certificates would make it. */
function certificates(entries: readonly LayerEntry[]): LayerEntry {
  const found = entries
    .filter(
      (entry) => entry.kind === "file" && entry.path.startsWith(CERTIFICATES) && entry.path.endsWith(".crt"),
    )
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return text(
    CERTIFICATE_BUNDLE,
    found.map((entry) => ("content" in entry ? Buffer.from(entry.content).toString() : "")).join(""),
  );
}

/** A root file system of Debian packages: no shell, no package manager, an ordinary user. */
export async function debianRoot(
  packages: readonly string[],
  cache: string,
  signal: AbortSignal,
): Promise<LayerEntry[]> {
  const files = await downloadPackages(packages, cache, signal);
  const entries: LayerEntry[] = [];
  for (const file of files.values()) entries.push(...(await packageEntries(file, signal)));
  const kept = entries.filter(
    ({ path }) => !path.startsWith(CERTIFICATES) && !/^\/usr\/s?bin\/(?!python)/.test(path),
  );
  return [...kept, certificates(entries), ...skeleton()];
}
