import type { Command } from "./command.ts";

interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command, sorted; loaded when it is called, so that a quick command stays quick. */
export const COMMANDS: readonly Entry[] = [
  {
    name: "cluster",
    summary: "Say what a Kubernetes cluster lacks for functions, and how to mend it",
    load: async () => (await import("./commands/cluster.ts")).cluster,
  },
  {
    name: "completion",
    summary: "Print a completion script for bash, zsh or fish",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
  {
    name: "contexts",
    summary: "List the saved contexts, or switch to one",
    load: async () => (await import("./commands/contexts.ts")).contexts,
  },
  {
    name: "dead-letters",
    summary: "List the events that were given up, show them, deliver them again or delete them",
    load: async () => (await import("./commands/dead-letters.ts")).deadLetters,
  },
  {
    name: "delete",
    summary: "Delete a function and all its revisions",
    load: async () => (await import("./commands/delete.ts")).deleteCommand,
  },
  {
    name: "deploy",
    summary: "Deploy a function from its source",
    load: async () => (await import("./commands/deploy.ts")).deploy,
  },
  {
    name: "describe",
    summary: "Show a function on one screen: state, traffic, limits, why it cannot be called",
    load: async () => (await import("./commands/describe.ts")).describe,
  },
  {
    name: "dev",
    summary: "Run a function here and serve every save at once",
    load: async () => (await import("./commands/dev.ts")).dev,
  },
  {
    name: "doctor",
    summary: "Check this machine and the platform",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  {
    name: "init",
    summary: "Start a new function from a template",
    load: async () => (await import("./commands/init.ts")).init,
  },
  {
    name: "invoke",
    summary: "Call a function and print its answer",
    load: async () => (await import("./commands/invoke.ts")).invoke,
  },
  {
    name: "list",
    summary: "List the functions",
    load: async () => (await import("./commands/list.ts")).list,
  },
  {
    name: "login",
    summary: "Save where a platform is and the key to it",
    load: async () => (await import("./commands/login.ts")).login,
  },
  {
    name: "logs",
    summary: "Show or follow the log of a function",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "metrics",
    summary: "Show invocations, latency, errors and cold starts",
    load: async () => (await import("./commands/metrics.ts")).metrics,
  },
  {
    name: "publish",
    summary: "Publish a message to a queue or a topic",
    load: async () => (await import("./commands/publish.ts")).publish,
  },
  {
    name: "revisions",
    summary: "List the revisions of a function with their traffic",
    load: async () => (await import("./commands/revisions.ts")).revisions,
  },
  {
    name: "rollback",
    summary: "Move all traffic back to the revision before",
    load: async () => (await import("./commands/rollback.ts")).rollback,
  },
  {
    name: "secrets",
    summary: "Set, list or unset secrets",
    load: async () => (await import("./commands/secrets.ts")).secrets,
  },
  {
    name: "serve",
    summary: "Run the platform",
    load: async () => (await import("./commands/serve.ts")).serve,
  },
  {
    name: "tasks",
    summary: "List, show or cancel asynchronous calls",
    load: async () => (await import("./commands/tasks.ts")).tasks,
  },
  {
    name: "test",
    summary: "Run a function's unit tests with the platform's SDK",
    load: async () => (await import("./commands/test.ts")).test,
  },
  {
    name: "traffic",
    summary: "Show or change the traffic split of a function",
    load: async () => (await import("./commands/traffic.ts")).traffic,
  },
  {
    name: "triggers",
    summary: "List triggers, show one, pause or resume it, or see what it fired",
    load: async () => (await import("./commands/triggers.ts")).triggers,
  },
];
