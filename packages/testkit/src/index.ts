export { freePort } from "./free-port.ts";
export { recordingLog, type RecordedLine } from "./recording-log.ts";
export { tempDir, type TempDir } from "./temp-dir.ts";
export { createEmptyDatabase, createTestDatabase, type TestDatabase } from "./test-database.ts";
export { waitFor, type WaitOptions } from "./wait-for.ts";
