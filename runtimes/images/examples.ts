/** A function in one language: `/` answers, `/slow` takes half a second, `/exit` ends the process with 7. */
export interface Example {
  readonly entry: string;
  readonly files: Readonly<Record<string, string>>;
  /** What a call with `{"name": "Ada"}` gets. */
  readonly answer: string;
  /** Above those of the runtime. */
  readonly layers: number;
}

const python: Example = {
  entry: "handler.run",
  answer: "Hello Ada, by 1.17.0",
  layers: 2,
  files: {
    "requirements.txt": "six==1.17.0\n",
    "handler.py": `import os
import time

import six
from hanzo.functions import Context

def run(ctx: Context):
    if ctx.path == "/exit":
        os._exit(7)
    if ctx.path == "/slow":
        ctx.log.info("slow begins")
        time.sleep(0.5)
        return "slow ends"
    return f"Hello {ctx.data['name']}, by {six.__version__}"
`,
  },
};

const typescript: Example = {
  entry: "handler.run",
  answer: "Hello Ada, by 60000",
  layers: 2,
  files: {
    "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
    "handler.ts": `import { setTimeout } from "node:timers/promises";
import { Context } from "@hanzo/functions";
import ms from "ms";

export async function run(ctx: Context): Promise<string> {
  if (ctx.path === "/exit") process.exit(7);
  if (ctx.path === "/slow") {
    ctx.log.info("slow begins");
    await setTimeout(500);
    return "slow ends";
  }
  return \`Hello \${(ctx.data as { name: string }).name}, by \${ms("1m")}\`;
}
`,
  },
};

const go: Example = {
  entry: "Run",
  answer: "Hello Ada",
  layers: 1,
  files: {
    "handler.go": `package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hanzoai/functions/sdk"
)

func Run(ctx *sdk.Context) (any, error) {
	switch ctx.Path {
	case "/exit":
		os.Exit(7)
	case "/slow":
		fmt.Println("slow begins")
		time.Sleep(500 * time.Millisecond)
		return "slow ends", nil
	}
	return fmt.Sprintf("Hello %v", ctx.Data["name"]), nil
}
`,
  },
};

const rust: Example = {
  entry: "handler::run",
  answer: "Hello Ada",
  layers: 1,
  files: {
    "src/handler.rs": `use std::time::Duration;

use hanzo_functions::{Context, Response, Result};

pub async fn run(ctx: Context) -> Result<Response> {
    match ctx.path() {
        "/exit" => std::process::exit(7),
        "/slow" => {
            println!("slow begins");
            tokio::time::sleep(Duration::from_millis(500)).await;
            return Ok(Response::text("slow ends"));
        }
        _ => {}
    }
    let name: String = ctx.data().get("name")?;
    Ok(Response::text(format!("Hello {name}")))
}
`,
  },
};

export const EXAMPLES = { python, typescript, go, rust } as const;
