import { z } from "zod";
import { SCRIPT_ENV } from "../../process/mod.ts";
import {
  flag,
  group,
  KIB,
  list,
  MAX_DURATION_MS,
  MAX_MEMORY_BYTES,
  MIB,
  text,
  whole,
} from "../schema_parts.ts";

/** The most entries of a list of permissions. */
const MAX_ENTRIES = 256;
const GIB = 1024 * MIB;

function permission(description: string, entries: string): z.ZodOptional<z.ZodType<Permission>> {
  return z.union([z.literal(true), z.array(entry()).max(MAX_ENTRIES)]).meta({
    description,
    allowed: `true for all, or a list of at most ${MAX_ENTRIES} ${entries}`,
    defaultText: "none",
  }).optional();
}

/** A permission: all of it, or a list of what is allowed. */
type Permission = true | string[];

/** Deno separates the entries of a permission by commas. */
function entry(): z.ZodString {
  return text({ description: "" }).regex(/^[^,]+$/);
}

/** The permissions that TypeScript scripts can be granted. */
export const permissionsSchema = group({
  read: permission("Files that a script may read.", "paths without commas"),
  write: permission("Files that a script may write.", "paths without commas"),
  net: permission("Hosts that a script may connect to.", "hosts, such as api.example.com:443"),
  env: permission("Variables of the host that a script gets.", "names of variables"),
  run: permission(
    "Programs that a script may start. Who may start programs can do everything that they can.",
    "names or paths of programs",
  ),
}, "Permissions of scripts; by default none.");

const PATH_RULE = "the path of a folder, without a comma";

/** A folder whose files may be run as scripts. */
const scriptFolderSchema = group({
  path: text({ description: "The folder.", allowed: PATH_RULE }).regex(/^[^,]+$/),
  permissions: permissionsSchema.extend({}).meta({
    description: "The most that a submission of a script of the folder can be granted.",
    allowed: "an object of permissions",
    defaultText: "none",
  }).optional(),
  requirements: text({
    description: "Requirements file of Python scripts without metadata of their own.",
    allowed: "the path of a requirements file",
    defaultText: "none",
  }).optional(),
}, "A folder of scripts.");

/** The key `jobs.scriptFolders`. */
export const scriptFoldersSchema = z.array(
  z.union([text({ description: "", allowed: PATH_RULE }).regex(/^[^,]+$/), scriptFolderSchema])
    .meta({
      description: "A folder of scripts.",
      allowed: `${PATH_RULE}, or an object with it as \`path\``,
    }),
).max(64).meta({
  description: "Folders whose TypeScript and Python files may be run as jobs. A path is looked " +
    "for in each, in order.",
  allowed: "a list of at most 64 folders",
}).default([]);

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The section `jobs.scripts`. */
export const scriptsSchema = group({
  concurrency: whole(1, 1_024, {
    description: "Most jobs of the kinds `script` and `command` that run at once.",
  }).default(4),
  timeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Longest time of an attempt of a job that names none.",
    defaultText: "`jobs.timeoutMs`",
  }).optional(),
  prepareTimeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Longest time for the environment of a script, which comes before its attempt's " +
      "`timeoutMs`.",
  }).default(600_000),
  memoryBytes: whole(16 * MIB, MAX_MEMORY_BYTES, {
    description: "Most resident memory of all processes of a job together; more ends it.",
  }).default(2 * GIB),
  cpuMs: whole(1_000, MAX_DURATION_MS, {
    description: "Most CPU time of all processes of a job together; more ends it.",
    defaultText: "no limit",
  }).optional(),
  openFiles: whole(32, 1_048_576, {
    description: "RLIMIT_NOFILE: files and sockets that each process may have open.",
  }).default(1_024),
  maxOutputBytes: whole(KIB, MAX_MEMORY_BYTES, {
    description: "Most bytes that a job may print; more ends it.",
  }).default(GIB),
  maxArtifacts: whole(0, 10_000, {
    description: `Most files of \`${SCRIPT_ENV.artifacts}\`.`,
  }).default(1_000),
  maxArtifactBytes: whole(0, MAX_MEMORY_BYTES, {
    description: "Most bytes of these files together; each one is bounded by " +
      "`limits.maxFileBytes` too.",
  }).default(4 * GIB),
  maxResultBytes: whole(KIB, 256 * MIB, {
    description: "Longest result, in bytes.",
    defaultText: "`jobs.maxResultBytes`",
  }).optional(),
  killGraceMs: whole(0, 600_000, {
    description: "Time from SIGTERM to SIGKILL when a job is stopped.",
  }).default(5_000),
  env: list({
    description: "Variables of the host that every script and command gets, besides `PATH`, " +
      "`HOME`, `LANG` and `TZ`.",
  }, text({ description: "A name.", allowed: "the name of a variable" }).regex(ENV_NAME))
    .default([]),
  maxDepth: whole(1, 64, {
    description: "Most script jobs that may have submitted each other, the first one included.",
  }).default(4),
}, "Limits of jobs of the kinds `script` and `command`.");

/** The key `jobs.allowInline`. */
export const allowInlineSchema = flag({
  description: "Allows script jobs whose source is in the submission; needs `apiKey`.",
}).default(false);

/** The key `jobs.wrap`. */
export const wrapSchema = list({
  description: "Command before that of every script and command, such as `bwrap` with its " +
    "options. `{work}` stands for the folder of the attempt, and `{folder}` for that of the script.",
}, text({ description: "An argument." })).max(256).default([]);

/** The key `jobs.commands`. */
export const commandsSchema = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  group({
    command: z.array(text({ description: "An argument.", allowed: "a text" })).min(1).max(256)
      .meta({
        description: "The program and its arguments. `{name}` is replaced by an argument of the " +
          "job, and `{{` stands for `{`. No shell is involved.",
        allowed: "a list of 1 to 256 texts",
      }),
    timeoutMs: whole(1, MAX_DURATION_MS, {
      description: "Longest time of an attempt of a job that names none.",
      defaultText: "`jobs.scripts.timeoutMs`",
    }).optional(),
  }, "A command."),
).meta({
  description: "Programs that may be run as jobs of the kind `command`, by name.",
  allowed: "an object of commands by name",
  keys: "1 to 64 letters, digits or . _ -, and a letter or digit first",
}).default({});
