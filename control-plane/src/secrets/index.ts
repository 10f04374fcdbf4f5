export { createFileSecrets } from "./file.ts";
export { createKmsSecrets, type KmsOptions } from "./kms.ts";
export type { SecretQuery, SecretSource, SecretVersion } from "./port.ts";
