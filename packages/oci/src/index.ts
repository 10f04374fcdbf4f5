export { inOrder, treeEntries, type LayerEntry, type TreeOptions } from "./entries.ts";
export { imageSize, mergedConfig, writeImage, type ImageRecipe } from "./image.ts";
export { writeLayer, type Layer, type LayerOptions } from "./layer.ts";
export { openLayout, type Layout } from "./layout.ts";
export { MEDIA } from "./media-types.ts";
export type { Descriptor, ImageConfig, Manifest, RunConfig } from "./media-types.ts";
export { unpackImage } from "./unpack.ts";
export type { ImageRuntime } from "./debian/packages.ts";
export { NONROOT } from "./debian/root.ts";
export { compiledServer } from "./recipes/compiled.ts";
export { type BuiltFunction, functionParts } from "./recipes/built-function.ts";
export { type Content, type FunctionImageInput, writeFunctionImage } from "./recipes/function-image.ts";
export {
  PYTHON_LABEL,
  pythonByteCode,
  pythonInterpreter,
  pythonLabels,
  pythonServer,
} from "./recipes/python.ts";
export {
  type BaseImage,
  RUNTIME_IMAGES,
  type RuntimeImageInput,
  writeRuntimeImage,
} from "./recipes/runtime-image.ts";
export { typescriptServer } from "./recipes/typescript.ts";
export { deleteImage } from "./delete-image.ts";
export { isPlainHost } from "./registry/address.ts";
export { type CredentialSource, type Credentials, dockerConfigCredentials } from "./registry/credentials.ts";
export { PLATFORM_IMAGE, type PlatformImageInput, writePlatformImage } from "./recipes/platform-image.ts";
export { pullImage, type PullOptions } from "./registry/pull.ts";
export { pushImage, type Pushed, type PushTarget } from "./registry/push.ts";
export { digestReference, type ImageReference, parseReference } from "./registry/reference.ts";
export {
  createRegistry,
  type Registry,
  type RegistryOptions,
  type RegistryParts,
} from "./registry/registry.ts";
export { httpTransport, type Transport, type TransportOptions } from "./registry/transport.ts";
export { type BaseTrust, type PinnedBase, resolveBase, type ResolvedBase } from "./base.ts";
export { generateKeyPair, type KeyPair } from "./cosign/keys.ts";
export { signImage, type SigningKey } from "./cosign/sign.ts";
export { verifyImage, type Verified, type VerifyOptions } from "./cosign/verify.ts";
