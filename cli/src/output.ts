export type Format = "table" | "json" | "yaml" | "wide" | "name";

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
}

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** Results go to stdout; everything else (progress, hints, errors) to stderr. */
export interface Output {
  readonly format: Format;
  readonly tty: boolean;
  /** One line of the result. */
  line(text: string): void;
  /** Bytes of the result, as they are. */
  bytes(chunk: Uint8Array): void;
  /** A line that is no part of the result; nothing with `--quiet`. */
  note(text: string): void;
  /** Replaces the living line on a terminal; an empty text takes it away. */
  status(text: string): void;
  /** An error; shown also with `--quiet`. */
  problem(text: string): void;
  /** The value as JSON or YAML where asked for, else what `human` prints. */
  result(value: unknown, human: () => void, name?: () => readonly string[]): Promise<void>;
}

export function createOutput(
  stdout: Stream & { write(chunk: string | Uint8Array): unknown },
  stderr: Stream,
  options: { format: Format; quiet: boolean },
): Output {
  let living = false;
  const takeAway = (): void => {
    if (living) stderr.write("\r\u001B[2K");
    living = false;
  };
  const line = (text: string): void => {
    takeAway();
    stdout.write(`${text}\n`);
  };
  return {
    format: options.format,
    tty: stderr.isTTY === true,
    line,
    bytes: (chunk) => void stdout.write(chunk),
    note: (text) => {
      takeAway();
      if (!options.quiet) stderr.write(`${text}\n`);
    },
    status: (text) => {
      if (options.quiet || stderr.isTTY !== true) return;
      takeAway();
      stderr.write(text);
      living = text !== "";
    },
    problem: (text) => {
      takeAway();
      stderr.write(`${text}\n`);
    },
    async result(value, human, name) {
      switch (options.format) {
        case "json":
          return line(JSON.stringify(value, undefined, 2));
        case "yaml": {
          const { stringify } = await import("yaml");
          return line(stringify(value).trimEnd());
        }
        case "name":
          return name === undefined ? human() : name().forEach(line);
        case "wide":
        case "table":
          return human();
        default:
          return options.format satisfies never;
      }
    },
  };
}

/** Columns padded to their widest value, two spaces apart; nothing but the titles for no rows. */
export function printTable<T>(output: Output, columns: readonly Column<T>[], rows: readonly T[]): void {
  const shown = columns.filter((column) => column.wide !== true || output.format === "wide");
  const cells = [
    shown.map((column) => column.title),
    ...rows.map((row) => shown.map((column) => column.value(row))),
  ];
  const widths = shown.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  for (const row of cells) {
    const padded = row.map((cell, i) => cell.padEnd(widths[i] ?? 0));
    output.line(padded.join("  ").trimEnd());
  }
}

/** A title and its text; an absent text leaves the line out. */
export type Field = readonly [title: string, text: string | undefined];

/** A line for each field: the titles padded to the widest of all, then `gap` and the text. */
export function printFields(output: Output, fields: readonly Field[], gap = " "): void {
  const width = Math.max(...fields.map(([title]) => title.length));
  for (const [title, text] of fields) {
    if (text !== undefined) output.line(`${title.padEnd(width)}${gap}${text}`);
  }
}

/** `3s`, `5m`, `2h`, `4d` since `iso`. */
export function age(iso: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(iso)) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  if (size < 1 << 20) return `${(size / 1024).toFixed(1)} KiB`;
  return `${(size / (1 << 20)).toFixed(1)} MiB`;
}
