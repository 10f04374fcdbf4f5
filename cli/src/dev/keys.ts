import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

export interface KeyAction {
  readonly key: string;
  readonly meaning: string;
  run(): void | Promise<void>;
}

export interface Terminal extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

/**
 * Runs an action per key on a terminal; per line, of which the first character counts, where `lines` is set.
 * Gives back what returns the terminal to how it was.
 */
export function readKeys(
  input: Terminal,
  actions: readonly KeyAction[],
  options: {
    readonly lines: boolean;
    readonly onInterrupt: () => void;
    readonly onError: (error: unknown) => void;
  },
): () => void {
  const press = (key: string): void => {
    const action = actions.find((candidate) => candidate.key === key);
    if (action === undefined) return;
    Promise.resolve()
      .then(() => action.run())
      .catch(options.onError);
  };
  if (input.isTTY === true && input.setRawMode !== undefined && !options.lines) {
    const onData = (chunk: Buffer | string): void => {
      for (const key of chunk.toString()) {
        if (key === CTRL_C || key === CTRL_D) options.onInterrupt();
        else press(key.toLowerCase());
      }
    };
    input.setRawMode(true);
    input.on("data", onData);
    input.resume();
    return () => {
      input.off("data", onData);
      input.setRawMode?.(false);
      input.pause();
    };
  }
  if (!options.lines) return () => {};
  const lines = createInterface({ input });
  lines.on("line", (line) => press(line.trim().slice(0, 1).toLowerCase()));
  return () => lines.close();
}

export function keyHelp(actions: readonly KeyAction[]): string {
  return actions.map(({ key, meaning }) => `  ${key}  ${meaning}`).join("\n");
}
