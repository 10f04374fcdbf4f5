/**
 * `@hanzo/functions/testing`: calls a handler in process, with a platform in memory.
 *
 *     const platform = createTestPlatform({ models: { intent: { predict: () => ({ label: "support", score: 1 }) } } });
 *     const answer = await platform.invoke(webhook, { data: { text: "help" } });
 *     assert.equal(answer.status, 200);
 *     assert.equal(platform.published[0].subject, "mq.notify.support");
 */
export type { TestAnswer } from "./answer.js";
export type { FakeModel, Published } from "./memory-services.js";
export { createTestPlatform } from "./platform.js";
export type { LoggedLine, TestCall, TestItem, TestPlatform, TestPlatformOptions } from "./platform.js";
