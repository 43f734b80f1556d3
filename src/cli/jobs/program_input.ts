import type { CommandJob, ScriptJob, ScriptPermissions } from "../../client/mod.ts";
import { type CliIo, reasonOf, UsageError } from "../command/mod.ts";
import { toolArguments } from "./job_input.ts";

const PERMISSION_KINDS = ["read", "write", "net", "env", "run"] as const;

/** The options of a submission that concern scripts and commands. */
export interface ProgramFlags {
  /** The path of a script in a folder of the server. */
  readonly script?: string;
  /** The name of a command of the server. */
  readonly command?: string;
  /** Variables, as `NAME=VALUE`. */
  readonly env?: readonly string[];
  /** The path of a file for standard input of the program; `-` for that of this one. */
  readonly stdin?: string;
  /** Permissions of the script, as `KIND` or `KIND=LIST`. */
  readonly allow?: readonly string[];
}

/** The fields that make a job one of a script or a command. */
export type ProgramFields =
  | Pick<ScriptJob, "kind" | "script" | "args" | "env" | "stdin" | "permissions">
  | Pick<CommandJob, "kind" | "command" | "args" | "env" | "stdin">;

/**
 * Returns the fields that make a job one of a script or a command; undefined if it is neither.
 *
 * @throws {UsageError} For options that do not go together, or that have a wrong value.
 */
export async function programFields(
  flags: ProgramFlags & { readonly batch?: string },
  given: readonly string[],
  io: CliIo,
): Promise<ProgramFields | undefined> {
  const { script, command, batch, allow } = flags;
  const kinds = Object.entries({ "--script": script, "--command": command, "--batch": batch })
    .flatMap(([option, value]) => value === undefined ? [] : [option]);
  if (kinds.length > 1) {
    throw new UsageError(`${kinds[1]}: given beside ${kinds[0]}; allowed: one of them`);
  }
  if (allow !== undefined && script === undefined) {
    throw new UsageError("Cannot submit the job: --allow needs --script FILE");
  }
  if (script !== undefined) {
    const permissions = permissionsOf(allow ?? []);
    const fields = await commonFields(flags, io);
    return { kind: "script", script, args: given, ...permissions, ...fields };
  }
  const fields = await commonFields(flags, io);
  if (command !== undefined) {
    // The server says which values a command takes.
    const args = await toolArguments(given, io) as CommandJob["args"] & object;
    return { kind: "command", command, args, ...fields };
  }
  const [lone] = Object.keys(fields);
  if (lone === undefined) return undefined;
  throw new UsageError(`Cannot submit the job: --${lone} needs --script FILE or --command NAME`);
}

async function commonFields(
  { env, stdin }: ProgramFlags,
  io: CliIo,
): Promise<{ readonly env?: Record<string, string>; readonly stdin?: string }> {
  return {
    ...(env === undefined ? {} : { env: variablesOf(env) }),
    ...(stdin === undefined ? {} : { stdin: await stdinText(stdin, io) }),
  };
}

function variablesOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(given.map((text) => {
    const at = text.indexOf("=");
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    throw new UsageError(`--env: given ${JSON.stringify(text)}; allowed: NAME=VALUE`);
  }));
}

async function stdinText(path: string, io: CliIo): Promise<string> {
  const isOwn = path === "-";
  let bytes: Uint8Array;
  try {
    bytes = isOwn ? await new Response(io.stdin.readable).bytes() : await io.readFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the file ${path}: ${reasonOf(error)}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const source = isOwn ? "standard input" : JSON.stringify(path);
    throw new UsageError(`--stdin: given ${source}, which is not UTF-8; allowed: a text in UTF-8`);
  }
}

/** Reads permissions; those of a kind that is given several times are added. */
function permissionsOf(given: readonly string[]): { readonly permissions?: ScriptPermissions } {
  if (given.length === 0) return {};
  const permissions: Partial<Record<keyof ScriptPermissions, true | string[]>> = {};
  for (const text of given) {
    const [, name, list] = /^([a-z]+)(?:=([^]*))?$/.exec(text) ?? [];
    const kind = PERMISSION_KINDS.find((it) => it === name);
    const entries = list?.split(",").filter((it) => it !== "");
    if (kind === undefined || entries?.length === 0) {
      const kinds = PERMISSION_KINDS.join(", ");
      throw new UsageError(
        `--allow: given ${JSON.stringify(text)}; allowed: KIND or KIND=LIST, where KIND is one ` +
          `of ${kinds}, such as net=api.example.com`,
      );
    }
    const earlier = permissions[kind];
    const isAll = earlier === true || entries === undefined;
    permissions[kind] = isAll ? true : [...earlier ?? [], ...entries];
  }
  return { permissions };
}
