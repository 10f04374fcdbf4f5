import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

/** What lies where in the data directory. */
export interface DataDir {
  readonly root: string;
  readonly blobs: string;
  /** Working copies: other users may pass through, but not list. */
  readonly work: string;
  readonly layers: string;
  /** What compilers and package managers keep between builds. */
  readonly cache: string;
  /** Runtime servers, readable by instances of any user. */
  readonly runtimes: string;
  /** Of `ctx.storage`, where no S3 is configured. */
  readonly objects: string;
  /** Models by content: functions may pass through to what they were told of, but not list. */
  readonly models: string;
  readonly temp: string;
  readonly secretsFile: string;
  readonly adminKeyFile: string;
}

/** Makes the folders. The platform's own are 0700; those that instances read can be passed through but not listed. */
export async function makeDataDir(root: string): Promise<DataDir> {
  const folders = {
    blobs: join(root, "blobs"),
    work: join(root, "work"),
    layers: join(root, "layers"),
    cache: join(root, "cache"),
    runtimes: join(root, "runtimes"),
    objects: join(root, "objects"),
    models: join(root, "models"),
    temp: join(root, "tmp"),
  };
  const make = async (path: string, mode: number): Promise<void> => {
    await mkdir(path, { recursive: true, mode });
    await chmod(path, mode);
  };
  await make(root, 0o711);
  await make(folders.blobs, 0o700);
  await make(folders.temp, 0o700);
  await make(folders.objects, 0o700);
  await make(folders.models, 0o711);
  await make(folders.work, 0o711);
  await make(folders.layers, 0o711);
  await make(folders.cache, 0o711);
  await make(folders.runtimes, 0o755);
  return { root, ...folders, secretsFile: join(root, "secrets.json"), adminKeyFile: join(root, "admin-key") };
}
