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
export { openS3Blobs, type S3BlobsSettings } from "./s3.ts";
export type { S3Settings } from "./s3/settings.ts";
export { collectGarbage, type Collected, type CollectOptions } from "./garbage.ts";
export { openDiskObjects, type DiskObjectsOptions } from "./disk-objects.ts";
export { openS3Objects } from "./s3-objects.ts";
export { createUrlSigner, type SignedTarget, type UrlSigner, type UrlSignerOptions } from "./signed-urls.ts";
export type {
  GetObjectOptions,
  ListObjectsOptions,
  ObjectContent,
  ObjectHead,
  ObjectInfo,
  ObjectPage,
  ObjectRange,
  Objects,
  Presigned,
  PresignOptions,
  PutObjectOptions,
} from "./objects.ts";
export { checkKey, checkPrefix, layerKey, sourceKey } from "./keys.ts";
