export { createPost } from "./post.ts";
export { type CallbackRunner, createCallbackRunner } from "./runner.ts";
export { callbackKey } from "./sign.ts";
