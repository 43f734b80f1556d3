import { join } from "node:path";
import { type PermissionKind, type Permissions } from "./permissions.ts";

/** Facts for the command line of a TypeScript script. */
export interface DenoCommandOptions {
  readonly deno: string;
  /** The file with the names that may be imported, such as `snakeden`. */
  readonly config: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly granted: Permissions;
  /** Paths that every script may read, and those that it may write. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Names and values that every script may use. */
  readonly env: readonly string[];
  readonly net: readonly string[];
  readonly memoryBytes: number;
}

const MIB = 1024 * 1024;

/** Returns the command that runs a TypeScript script with its permissions, and nothing else. */
export function denoCommand(options: DenoCommandOptions): [string, ...string[]] {
  const { deno, config, file, args, granted, memoryBytes } = options;
  return [
    deno,
    "run",
    "--quiet",
    "--no-prompt",
    "--no-lock",
    "--cached-only",
    `--config=${config}`,
    "--node-modules-dir=none",
    `--v8-flags=--max-old-space-size=${Math.max(16, Math.floor(memoryBytes / MIB))}`,
    ...flag("read", granted.read, options.read),
    ...flag("write", granted.write, options.write),
    ...flag("env", granted.env, options.env),
    ...flag("net", granted.net, options.net),
    ...flag("run", granted.run, []),
    file,
    ...args,
  ];
}

function flag(
  kind: PermissionKind,
  granted: true | readonly string[] | undefined,
  always: readonly string[],
): string[] {
  if (granted === true) return [`--allow-${kind}`];
  const entries = [...new Set([...always, ...granted ?? []])];
  return entries.length === 0 ? [] : [`--allow-${kind}=${entries.join(",")}`];
}

/**
 * Returns the configuration for scripts: the imports of Snakeden, with absolute addresses, so that
 * a script finds `snakeden` wherever it is.
 */
export async function denoConfig(root: string): Promise<string> {
  const text = await Deno.readTextFile(join(root, "deno.json"));
  const { imports = {}, unstable = [] } = JSON.parse(text) as {
    readonly imports?: Readonly<Record<string, string>>;
    readonly unstable?: readonly string[];
  };
  const absolute = Object.entries(imports).map(([name, to]) => [
    name,
    to.startsWith("./") ? new URL(to, `file://${root}/`).href : to,
  ]);
  // The module for programs that run as jobs, which starts fast.
  const snakeden = new URL("src/scripting/whole.ts", `file://${root}/`).href;
  return JSON.stringify({ imports: { ...Object.fromEntries(absolute), snakeden }, unstable });
}
