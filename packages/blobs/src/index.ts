export type {
  BlobInfo,
  Blobs,
  BlobSource,
  ByteRange,
  DeleteOptions,
  ListedBlob,
  PutOptions,
} from "./blobs.ts";
export { openDiskBlobs, type DiskBlobsOptions } from "./disk.ts";
export { collectGarbage, type Collected, type CollectOptions } from "./garbage.ts";
export { checkKey, checkPrefix, layerKey, sourceKey } from "./keys.ts";
