import type { LanguageName } from "../languages.ts";

interface LoadFailure {
  readonly name: string;
  readonly kind: "file_missing" | "syntax_error" | "import_error" | "entry_missing" | "entry_invalid";
  /** Written into the empty source; without one there is none. */
  readonly file?: string;
  readonly code: string;
  readonly entry: string;
  readonly message: RegExp;
}

export const loadFailures: Readonly<Partial<Record<LanguageName, readonly LoadFailure[]>>> = {
  typescript: [
    {
      name: "no such file is there",
      kind: "file_missing",
      code: "",
      entry: "handler.handle",
      message: /handler/,
    },
    {
      name: "the file does not parse",
      kind: "syntax_error",
      file: "handler.mjs",
      code: "\nexport const a = ;",
      entry: "handler.handle",
      message: /handler\.mjs:2/,
    },
    {
      name: "a module is not there",
      kind: "import_error",
      file: "handler.mjs",
      code: 'import "not-there";',
      entry: "handler.handle",
      message: /not-there/,
    },
    {
      name: "the code throws while it loads",
      kind: "import_error",
      file: "handler.mjs",
      code: 'JSON.parse("{");',
      entry: "handler.handle",
      message: /SyntaxError/,
    },
    {
      name: "there is no such export",
      kind: "entry_missing",
      file: "handler.mjs",
      code: "export function other() {}",
      entry: "handler.handle",
      message: /handle.*other/,
    },
    {
      name: "the export cannot be called",
      kind: "entry_invalid",
      file: "handler.mjs",
      code: "export const handle = [];",
      entry: "handler.handle",
      message: /array/,
    },
  ],
  python: [
    {
      name: "no such file is there",
      kind: "file_missing",
      code: "",
      entry: "handler.handle",
      message: /handler/,
    },
    {
      name: "the file does not parse",
      kind: "syntax_error",
      file: "handler.py",
      code: "\ndef handle(:",
      entry: "handler.handle",
      message: /handler\.py:2/,
    },
    {
      name: "a module is not there",
      kind: "import_error",
      file: "handler.py",
      code: "import not_there",
      entry: "handler.handle",
      message: /not_there/,
    },
    {
      name: "the code throws while it loads",
      kind: "import_error",
      file: "handler.py",
      code: "{}['key']",
      entry: "handler.handle",
      message: /KeyError/,
    },
    {
      name: "there is no such export",
      kind: "entry_missing",
      file: "handler.py",
      code: "def other(ctx):\n    return 1\n",
      entry: "handler.handle",
      message: /handle.*other/,
    },
    {
      name: "the export cannot be called",
      kind: "entry_invalid",
      file: "handler.py",
      code: "handle = []",
      entry: "handler.handle",
      message: /list/,
    },
  ],
};
