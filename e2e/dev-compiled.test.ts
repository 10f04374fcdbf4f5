/** `hanzo-fn dev` of compiled languages, whose first build makes the SDK as well: one folder of builds for all of it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BIN, devCache, manifestOf, startDev } from "./support/dev.ts";
import { callSlow, leftIn, SLOW_HAS_BEGUN, UNTIL, versionOf } from "./support/dev-sources.ts";
import { hasTool } from "./support/tools.ts";

let cache: Awaited<ReturnType<typeof devCache>>;
beforeAll(async () => {
  cache = await devCache();
});
afterAll(() => cache[Symbol.asyncDispose]());

const SOURCES = {
  go: {
    tool: "go",
    file: "handler.go",
    files: {
      "function.yaml": manifestOf("go", "Handle"),
      "go.mod": "module tried\n\ngo 1.22\n\nrequire github.com/hanzoai/functions/sdk v0.0.0\n",
    },
    code: (version: string) => `package function

import (
	"fmt"
	"os"
	"time"

	"github.com/hanzoai/functions/sdk"
)

func Handle(ctx *sdk.Context) *sdk.Response {
	if ctx.Path == "/slow" {
		fmt.Println("${SLOW_HAS_BEGUN}")
		for _, err := os.Stat(ctx.Headers.Get("${UNTIL}")); err != nil; _, err = os.Stat(ctx.Headers.Get("${UNTIL}")) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if ctx.Path == "/panic" {
		panic("thrown on purpose")
	}
	return sdk.OK(map[string]any{"version": "${version}", "greeting": os.Getenv("GREETING")})
}
`,
    broken: "package function\n\nfunc Handle() { return undeclared }\n",
    brokenLine: 3,
  },
  rust: {
    tool: "cargo",
    file: "src/handler.rs",
    files: {
      "function.yaml": manifestOf("rust", "handler::handle"),
      "Cargo.toml":
        '[package]\nname = "tried"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nhanzo_functions = "0.1"\nserde_json = "1"\n',
      "src/lib.rs": "pub mod handler;\n",
    },
    code: (version: string) => `use hanzo_functions::{Context, Response, Result};

pub async fn handle(ctx: Context) -> Result<Response> {
    if ctx.path() == "/slow" {
        println!("${SLOW_HAS_BEGUN}");
        let until = ctx.headers().get("${UNTIL}").unwrap_or_default().into_owned();
        while !std::path::Path::new(&until).exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    if ctx.path() == "/panic" {
        panic!("thrown on purpose");
    }
    let greeting = std::env::var("GREETING").unwrap_or_default();
    Ok(Response::ok(serde_json::json!({ "version": "${version}", "greeting": greeting })))
}
`,
    broken:
      "use hanzo_functions::{Context, Response, Result};\n\npub async fn handle(_: Context) -> Result<Response> { undeclared }\n",
    brokenLine: 3,
  },
} as const;

const LANGUAGES = Object.keys(SOURCES) as (keyof typeof SOURCES)[];

test.for(LANGUAGES)(
  "dev of a %s function: saves, requests in flight, what does not compile, a panic, variables",
  { timeout: 900_000 },
  async (language, ctx) => {
    const { tool, file, files, code, broken, brokenLine } = SOURCES[language];
    if (!(await hasTool(tool))) ctx.skip(`${tool} is not installed`);
    await using dev = await startDev(cache.path, { files: { ...files, [file]: code("1") } });
    // A call does not wait as long as a first build may take.
    await dev.waitFor(({ event }) => event === "ready");
    expect(versionOf((await dev.call()).text)).toBe("1");
    const slow = await callSlow(dev);
    await dev.save(file, code("2"));
    await dev.save(file, code("3"));
    expect(versionOf((await dev.call()).text)).toBe("3");
    await slow.letGo();
    const answer = await slow.answer;
    expect([answer.status, versionOf(answer.text)]).toEqual([200, "1"]);

    const panicked = await dev.call("/panic");
    expect([panicked.status, JSON.parse(panicked.text)]).toEqual([
      500,
      expect.objectContaining({ error: "handler_error" }),
    ]);
    const line = await dev.waitFor(({ event, level }) => event === "log" && level === "error");
    expect(line["msg"]).toContain("thrown on purpose");
    expect(line["msg"]).toContain(file);

    const from = dev.lines.length;
    await dev.save(file, broken);
    for (let i = 0; i < 2; i++) {
      const answer = await dev.call();
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        422,
        expect.objectContaining({
          error: "build_failed",
          details: expect.arrayContaining([
            expect.objectContaining({ path: file, line: brokenLine }),
          ]) as unknown,
        }),
      ]);
    }
    expect(dev.lines.slice(from).filter(({ event }) => event === "failed")).toHaveLength(1);
    await dev.save(".env", "GREETING=hello\n");
    await dev.save(file, code("4"));
    expect(JSON.parse((await dev.call()).text)).toEqual({ version: "4", greeting: "hello" });
    dev.press("q");
    expect(await dev.ended).toBe(0);
    expect(await leftIn(dev.temp)).toEqual([]);
  },
);

test.for(LANGUAGES)(
  "a key sends the messages of the template queue of %s as one batch, and the answer tells which of them failed",
  { timeout: 900_000 },
  async (language, ctx) => {
    const { tool } = SOURCES[language];
    if (!(await hasTool(tool))) ctx.skip(`${tool} is not installed`);
    await using home = await tempDir("hfn-dev-template-");
    const folder = join(home.path, "orders");
    const init = ["init", folder, "--runtime", language, "--template", "queue"];
    await promisify(execFile)(join(BIN, "hanzo-fn"), init);
    await using dev = await startDev(cache.path, { files: {}, folder });
    dev.press("e");
    const published = await dev.waitFor(({ event }) => event === "published");
    expect(published["subject"]).toBe("mq.shipping.request");
    const done = await dev.waitFor(({ msg }) => msg === "order fulfilled");
    expect(done["fields"]).toMatchObject({ order: "o-1001", attempt: 1 });
    await dev.waitFor(({ msg }) => msg === "order refused");
    expect(await dev.waitFor(({ event }) => event === "request")).toMatchObject({ status: 200 });
  },
);
