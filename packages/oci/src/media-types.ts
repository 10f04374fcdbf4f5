/** Media types of the OCI image specification, v1.1. */
export const MEDIA = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** Docker's own types of the same things, which older images have. */
export const DOCKER_MEDIA = {
  list: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
} as const;

/** What a registry may answer with when it is asked for a manifest. */
export const ACCEPTED_MANIFESTS: readonly string[] = [
  MEDIA.manifest,
  MEDIA.index,
  DOCKER_MEDIA.manifest,
  DOCKER_MEDIA.list,
];

/** Where a blob is, by its content. */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: typeof MEDIA.manifest;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** How the container runs: the `config` object of an image configuration. */
export interface RunConfig {
  readonly Env?: readonly string[] | undefined;
  readonly Entrypoint?: readonly string[] | undefined;
  readonly Cmd?: readonly string[] | undefined;
  readonly User?: string | undefined;
  readonly WorkingDir?: string | undefined;
  readonly ExposedPorts?: Readonly<Record<string, object>> | undefined;
  readonly Labels?: Readonly<Record<string, string>> | undefined;
  readonly StopSignal?: string | undefined;
}

export interface ImageConfig {
  readonly architecture: string;
  readonly os: "linux";
  readonly created: string;
  readonly config: RunConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
  readonly history: ReadonlyArray<{
    readonly created: string;
    readonly created_by: string;
    readonly comment?: string;
  }>;
}
