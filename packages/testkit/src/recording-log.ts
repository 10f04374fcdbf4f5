export interface RecordedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines for the test to look at. */
export function recordingLog() {
  const lines: RecordedLine[] = [];
  const at =
    (level: RecordedLine["level"]) =>
    (msg: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void lines.push({ level, msg, fields });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
