import { type PermissionKind, type Permissions } from "./permissions.ts";

/** Facts for the command line of a TypeScript script. */
export interface DenoCommandOptions {
  readonly deno: string;
  /** The flags of its environment. */
  readonly flags: readonly string[];
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
  const { deno, flags, file, args, granted, memoryBytes } = options;
  return [
    deno,
    "run",
    ...flags,
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
