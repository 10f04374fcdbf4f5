import { stat } from "node:fs/promises";
import { BASE_PACKAGES } from "../debian/packages.ts";
import { debianRoot, NONROOT } from "../debian/root.ts";
import { treeEntries, type LayerEntry } from "../entries.ts";
import { writeImage } from "../image.ts";
import { writeLayer } from "../layer.ts";
import type { Layout } from "../layout.ts";
import type { Descriptor } from "../media-types.ts";

/** The name of the platform's own image, as the specification prints it. */
export const PLATFORM_IMAGE = "functions:latest";

const HOME = "/opt/hanzo-fn";
const NODE = "/usr/bin/node";
const DATA = "/var/lib/hanzo-fn";
const PORTS = [8060, 8061, 9060];

export interface PlatformImageInput {
  readonly architecture: string;
  /** Where Debian packages are kept between runs. */
  readonly packages: string;
  /** The program of Node. */
  readonly node: string;
  /** A folder with the repository's production files and, in `node_modules`, what they import. */
  readonly app: string;
  readonly version: string;
}

/**
 * `hanzo-fn` as an image: Debian packages, Node, what is imported, the platform's own files, each a layer, so that a new
 * release sends the last one. It has Python for functions without packages of their own, and no shell.
 */
export async function writePlatformImage(
  layout: Layout,
  input: PlatformImageInput,
  signal: AbortSignal,
): Promise<Descriptor> {
  const { architecture, packages, node, app, version } = input;
  const python: LayerEntry = { kind: "link", path: "/usr/bin/python3", target: "python3.11" };
  const root = [...(await debianRoot(BASE_PACKAGES.python, packages, signal)), python];
  const program: LayerEntry = {
    ...{ kind: "copy", path: NODE, mode: 0o755, from: node },
    size: (await stat(node)).size,
  };
  const isImported = (path: string): boolean => /(^|\/)node_modules(\/|$)/.test(path);
  const imported = await treeEntries(app, HOME, { include: isImported });
  const own = await treeEntries(app, HOME, { include: (path) => !isImported(path) });
  const data: LayerEntry = { kind: "directory", path: DATA, mode: 0o700 };
  const write = (entries: readonly LayerEntry[], createdBy: string) =>
    writeLayer(layout, entries, { createdBy }, signal);
  const layers = [
    await write(root, "Debian packages"),
    await write([program], "Node"),
    await writeLayer(layout, [data], { createdBy: "data", uid: NONROOT, gid: NONROOT }, signal),
    await write(imported, "packages"),
    await write(own, "hanzo-fn"),
  ];
  const env = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: "/tmp",
    SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
    HANZO_FN_DATA_DIR: DATA,
  };
  const config = {
    // As cli/bin/hanzo-fn starts it; the image has no shell for that.
    Entrypoint: [
      NODE,
      "--max-semi-space-size=4",
      "--disable-warning=ExperimentalWarning",
      `${HOME}/cli/src/main.ts`,
    ],
    Cmd: ["serve"],
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    User: `${NONROOT}:${NONROOT}`,
    WorkingDir: DATA,
    ExposedPorts: Object.fromEntries(PORTS.map((port) => [`${port}/tcp`, {}])),
    StopSignal: "SIGTERM",
    Labels: {
      "org.opencontainers.image.title": "hanzo-fn",
      "org.opencontainers.image.version": version,
    },
  };
  return writeImage(layout, PLATFORM_IMAGE, { architecture, layers, config }, signal);
}
