/** Debian 12 packages, by what a program needs. Written out: a package's own dependencies bring dpkg, perl and a shell. */
const LIBC = ["libc6", "libgcc-s1"];
const COMMON = [...LIBC, "ca-certificates", "tzdata", "base-files", "netbase", "media-types"];
const CPP = ["libstdc++6"];
const PYTHON = [
  "python3.11-minimal",
  "libpython3.11-minimal",
  "libpython3.11-stdlib",
  "libbz2-1.0",
  "libcom-err2",
  "libcrypt1",
  "libdb5.3",
  "libexpat1",
  "libffi8",
  "libgssapi-krb5-2",
  "libk5crypto3",
  "libkeyutils1",
  "libkrb5-3",
  "libkrb5support0",
  "liblzma5",
  "libncursesw6",
  "libnsl2",
  "libreadline8",
  "libsqlite3-0",
  "libssl3",
  "libtinfo6",
  "libtirpc3",
  "libuuid1",
  "zlib1g",
];

/** What each runtime's base image is assembled from. */
export const BASE_PACKAGES = {
  python: [...COMMON, ...CPP, ...PYTHON],
  typescript: [...COMMON, ...CPP],
  // onnxruntime is C++.
  go: [...COMMON, ...CPP],
  rust: [...COMMON, ...CPP],
} as const satisfies Record<string, readonly string[]>;

export type ImageRuntime = keyof typeof BASE_PACKAGES;
