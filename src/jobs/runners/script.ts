import { join } from "node:path";
import { readFrame } from "../../bridge/mod.ts";
import type { JobsConfig } from "../../config/mod.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";
import type { Files } from "../../files/mod.ts";
import type { JobRow } from "../../store/mod.ts";
import type { Job, ScriptJob } from "../job.ts";
import {
  type AttemptFolder,
  denoCommand,
  type FoundScript,
  grantedPermissions,
  type JobParent,
  packedFields,
  type Permissions,
  programIssues,
  refusedJob,
  type ScriptEnvironments,
  type ScriptFolders,
  type ScriptLanguage,
  SCRIPTS_POOL,
} from "../scripts/mod.ts";
import type { OpenedProgram, ProgramOptionsRow, ProgramRuns } from "./program_runs.ts";
import type { PreparedJob, Run, Runner, RunResult } from "./runner.ts";

/** Dependencies of a {@link ScriptRunner}. */
export interface ScriptRunnerDeps {
  readonly programs: ProgramRuns;
  readonly folders: ScriptFolders;
  readonly environments: Pick<ScriptEnvironments, "prepare" | "prepareDeno">;
  readonly files: Pick<Files, "store" | "get" | "read">;
  readonly config: Pick<JobsConfig, "maxArgsBytes" | "allowInline" | "scripts">;
  readonly limits: { readonly maxDepth: number };
}

/** The options of a script as they are kept. */
interface StoredOptions extends ProgramOptionsRow {
  readonly permissions?: Permissions;
  /** The file with the source of an inline script. */
  readonly source?: string;
  readonly language?: ScriptLanguage;
}

/** The arguments of a script as they are kept. */
interface StoredArgs {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** The name of an inline script in the working directory. */
const INLINE: Readonly<Record<ScriptLanguage, string>> = {
  python: "inline.py",
  typescript: "inline.ts",
};
/** The time for which the source of an inline script is kept until its job names it. */
const SOURCE_TTL_MS = 3_600_000;

/** Runs TypeScript and Python files as jobs: the kind `script`. */
export class ScriptRunner implements Runner<ScriptJob> {
  readonly kind = "script";
  readonly submits = true;
  readonly #deps: ScriptRunnerDeps;

  constructor(deps: ScriptRunnerDeps) {
    this.#deps = deps;
  }

  async prepare(job: ScriptJob, parent?: JobParent): Promise<PreparedJob> {
    const { programs, config: { maxArgsBytes }, limits: { maxDepth } } = this.#deps;
    const { args = [], env = {}, stdin = "", limits, permissions = {} } = job;
    const issues = [...programIssues({ args, env }), ...programs.limitIssues(limits)];
    const found = await this.#found(job, issues);
    const granted = grantedPermissions(permissions, {
      allowed: found?.folder.permissions ?? {},
      folder: found?.root ?? "/",
    });
    if (Array.isArray(granted)) issues.push(...granted);
    issues.push(...parentIssues(job, found, parent));
    const kept = packedFields({ args, env, stdin }, { maxDepth, maxArgsBytes });
    if (!(kept instanceof Uint8Array)) issues.push(kept);
    if (issues.length > 0 || !(kept instanceof Uint8Array)) throw refusedJob(issues);
    const inline = await this.#keptSource(job);
    return {
      name: job.script ?? INLINE[job.language ?? "python"],
      pool: SCRIPTS_POOL,
      options: {
        ...(Object.keys(granted).length === 0 ? {} : { permissions: granted }),
        ...(limits === undefined ? {} : { limits: { ...limits } }),
        ...(inline === undefined ? {} : { source: inline, language: job.language }),
      },
      args: kept,
      ...(inline === undefined ? {} : { files: [{ id: inline, path: "source" }] }),
    };
  }

  async run(run: Run): Promise<RunResult> {
    const { claim: { job, args } } = run;
    const options: StoredOptions = job.options;
    const { permissions: granted = {} } = options;
    const given = readFrame(args).decode() as StoredArgs;
    return await this.#deps.programs.run(run, {
      name: `the script ${job.name}`,
      options,
      env: given.env ?? {},
      stdin: given.stdin ?? "",
      granted,
      // Python is not held back.
      bounds: languageOf(job.name, options) === "python" ? undefined : granted,
      readsMarks: true,
      open: async (folder, { url, signal }) => {
        const found = options.source === undefined
          ? await this.#deps.folders.find(job.name)
          : await this.#written(options, folder);
        this.#checkGrants(found, { granted, options, name: job.name });
        const { args = [], env = {} } = given;
        const launch = { args, env, granted, folder, url, signal };
        return found.language === "python"
          ? await this.#python(found, launch, run)
          : await this.#typescript(found, launch, run);
      },
    });
  }

  describe({ name, options }: JobRow): Partial<Job> {
    return options["source"] === undefined ? { script: name } : {};
  }

  /** Finds the script of a submission; undefined for an inline one. */
  async #found(job: ScriptJob, issues: FieldIssue[]): Promise<FoundScript | undefined> {
    const { script, source, language } = job;
    if (script !== undefined) {
      if (source !== undefined || language !== undefined) {
        const path = source === undefined ? "language" : "source";
        issues.push({ path, message: "given beside script; allowed: one of the two" });
      }
      if (issues.length > 0) throw refusedJob(issues);
      return await this.#deps.folders.find(script);
    }
    if (source === undefined) {
      const message = "missing; allowed: the path of a file in a folder of jobs.scriptFolders";
      issues.push({ path: "script", message });
    } else if (!this.#deps.config.allowInline) {
      const message =
        "given, but inline scripts are off (jobs.allowInline); allowed: a script of " +
        "a folder";
      issues.push({ path: "source", message });
    } else if (language === undefined) {
      issues.push({ path: "language", message: "missing; allowed: typescript, python" });
    }
    return undefined;
  }

  /** Keeps the source of an inline script, whose blob is named by its hash. */
  async #keptSource({ source }: ScriptJob): Promise<string | undefined> {
    if (source === undefined) return undefined;
    const bytes = new TextEncoder().encode(source);
    const { id } = await this.#deps.files.store(bytes, { name: "source", ttlMs: SOURCE_TTL_MS });
    return id;
  }

  /** Writes an inline script where it runs. */
  async #written(
    { source = "", language = "python" }: StoredOptions,
    folder: AttemptFolder,
  ): Promise<FoundScript> {
    const { files } = this.#deps;
    const root = join(folder.path, "script");
    const file = join(root, INLINE[language]);
    await Deno.mkdir(root);
    await Deno.writeFile(file, await files.read(await files.get(source)));
    return { file, language, root, folder: { path: root } };
  }

  /** Checks what was granted again, since the configuration may be stricter now. */
  #checkGrants(
    { folder, root }: FoundScript,
    { granted, options, name }: {
      readonly granted: Permissions;
      readonly options: StoredOptions;
      readonly name: string;
    },
  ): void {
    const still = grantedPermissions(granted, { allowed: folder.permissions ?? {}, folder: root });
    const problems = Array.isArray(still)
      ? still.map(({ path, message }) => `${path}: ${message}`)
      : [];
    if (options.source !== undefined && !this.#deps.config.allowInline) {
      problems.push("inline scripts are off (jobs.allowInline)");
    }
    if (problems.length === 0) return;
    throw new SnakedenError(
      "script_failed",
      `Cannot run the script ${name}: the configuration does not allow it any more: ` +
        problems.join("; "),
      { details: { reason: "configuration" } },
    );
  }

  async #python(
    { file, folder, root }: FoundScript,
    { args, signal }: Launch,
    run: Run,
  ): Promise<OpenedProgram> {
    const { requirements } = folder;
    const prepared = await this.#deps.environments.prepare(
      file,
      requirements === undefined ? {} : { requirements },
      { name: run.claim.job.name, signal, onProgress: (line) => run.note(line) },
    );
    return {
      // Lines must arrive while it runs.
      command: [prepared.python, "-u", "-s", file, ...args],
      env: prepared.env,
      root,
      [Symbol.dispose]: () => prepared[Symbol.dispose](),
    };
  }

  async #typescript(
    { file, root, folder: { permissions = {} } }: FoundScript,
    { args, env, granted, folder, url, signal }: Launch,
    run: Run,
  ): Promise<OpenedProgram> {
    const { environments, config: { scripts } } = this.#deps;
    const { limits, source }: StoredOptions = run.claim.job.options;
    const prepared = await environments.prepareDeno(file, {
      isAlone: source !== undefined,
      name: run.claim.job.name,
      signal,
      onProgress: (line) => run.note(line),
      folders: permissions.read === true ? undefined : [root, ...permissions.read ?? []],
    });
    const command = denoCommand({
      deno: prepared.deno,
      flags: prepared.flags,
      file,
      args,
      granted,
      read: [root, ...prepared.reads, folder.path],
      write: [folder.path],
      env: [
        "SNAKEDEN_*",
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "TMPDIR",
        ...scripts.env,
        ...Object.keys(env),
      ],
      net: url === undefined ? [] : [new URL(url).host],
      memoryBytes: Math.min(limits?.memoryBytes ?? Infinity, scripts.memoryBytes),
    });
    return { command, env: prepared.env, root, [Symbol.dispose]: () => {} };
  }
}

/** Returns what a job asks for that the job which submits it does not have. */
function parentIssues(
  { permissions = {}, source }: ScriptJob,
  found: FoundScript | undefined,
  parent: JobParent | undefined,
): FieldIssue[] {
  if (parent === undefined) return [];
  if (source !== undefined) {
    const message = "given with the token of a job; allowed: a script of a folder, or an API key";
    return [{ path: "source", message }];
  }
  if (parent.grants === undefined) return [];
  const own = grantedPermissions(permissions, {
    allowed: parent.grants as Permissions,
    folder: found?.root ?? "/",
  });
  if (!Array.isArray(own)) return [];
  return own.map(({ path, message }) => ({
    path,
    message: message.replace("the folder of the script", `the job ${parent.id}, which submits it,`),
  }));
}

function languageOf(name: string, { language }: StoredOptions): ScriptLanguage {
  return language ?? (name.endsWith(".py") ? "python" : "typescript");
}

/** The facts for the command line of a script. */
interface Launch {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly granted: Permissions;
  readonly folder: AttemptFolder;
  readonly url: string | undefined;
  readonly signal: AbortSignal;
}
