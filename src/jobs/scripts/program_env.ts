import { readVariable } from "../../granted.ts";
import { CLIENT_ENV, SCRIPT_ENV, WORKER_ENV } from "../../process/mod.ts";
import type { Permissions } from "./permissions.ts";
import type { AttemptFolder } from "./attempt_folder.ts";

/** The variables of the host that every program gets. */
const ALWAYS = ["PATH", "HOME", "LANG", "TZ"];
/** The beginning of the names that Snakeden sets. */
const OWN = "SNAKEDEN_";

/** Facts for the environment of a program. */
export interface ProgramEnvOptions {
  readonly folder: AttemptFolder;
  readonly runId: string;
  readonly jobId: string;
  readonly attempt: number;
  /** The variables of the host that the configuration names. */
  readonly inherited: readonly string[];
  /** The variables of the host that were granted. */
  readonly granted: Permissions["env"];
  /** Those of the submission. */
  readonly env: Readonly<Record<string, string>>;
  /** The address of the host, and the token for it. */
  readonly access: { readonly url: string; readonly token: string } | undefined;
}

/** Returns the whole environment of a program. */
export function programEnv(options: ProgramEnvOptions): Record<string, string> {
  const { folder, access } = options;
  const env: Record<string, string> = {};
  for (const name of [...ALWAYS, ...options.inherited, ...grantedNames(options.granted)]) {
    const value = name.startsWith(OWN) ? undefined : readVariable(name);
    if (value !== undefined) env[name] = value;
  }
  return {
    ...env,
    ...options.env,
    TMPDIR: folder.temporary,
    [SCRIPT_ENV.jobId]: options.jobId,
    [SCRIPT_ENV.attempt]: String(options.attempt),
    [SCRIPT_ENV.result]: folder.result,
    [SCRIPT_ENV.artifacts]: folder.artifacts,
    [WORKER_ENV.runId]: options.runId,
    ...(access === undefined
      ? {}
      : { [CLIENT_ENV.url]: access.url, [SCRIPT_ENV.token]: access.token }),
  };
}

/** Returns the names of variables that were granted; those of Snakeden are set by the host. */
function grantedNames(granted: Permissions["env"]): readonly string[] {
  if (granted === undefined) return [];
  const isPlain = granted !== true && !granted.some((it) => it.includes("*"));
  if (isPlain) return granted;
  // Without the permission to read all of them, none can be listed.
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") return [];
  const all = Object.keys(Deno.env.toObject());
  if (granted === true) return all;
  return all.filter((name) =>
    granted.some((it) => it.endsWith("*") ? name.startsWith(it.slice(0, -1)) : it === name)
  );
}
