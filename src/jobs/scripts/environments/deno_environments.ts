import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { SharedWork } from "../../../async/mod.ts";
import { messageOf } from "../../../errors.ts";
import { readVariable } from "../../../granted.ts";
import { HOST_ENV, PROGRAM_ENV, runCommand, runGuarded } from "../../../process/mod.ts";
import { isWithin } from "../permissions.ts";
import { environmentFailed, FINAL } from "./environment_failed.ts";
import { checkImports, realPathOf } from "./imported_files.ts";
import { fileHash, fileState, textHash } from "./file_states.ts";
import type { PrepareOptions } from "./python_environments.ts";
import { configPathsOf, scriptConfig, snakedenPlace } from "./script_config.ts";

/** The variables of the host that the fetch of packages may need. */
const FETCH_ENV: readonly string[] = [
  ...PROGRAM_ENV,
  ...["DENO_DIR", "DENO_AUTH_TOKENS", "DENO_CERT", "DENO_TLS_CA_STORE", "NODE_EXTRA_CA_CERTS"],
  ...["NPM_CONFIG_REGISTRY", "JSR_URL"],
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((it) => [it, it.toUpperCase()]),
];
/** The most lines of Deno's output that an error shows. */
const SHOWN_LINES = 15;
/** The days for which the record of a script that no longer runs is kept. */
const KEPT_DAYS = 14;
/** Lines of Deno about an import or a text that stays wrong, and not about the network. */
const WRONG = new RegExp(
  [
    "npm package '.*' does not exist",
    "Could not find npm package '.*' matching",
    'Module not found "file:',
    "SyntaxError: ",
    '" not a dependency',
    "Relative import path",
    "Requires import access to",
    "Invalid (?:package|npm) specifier",
  ].join("|"),
);
const SWEEP_MS = 24 * 60 * 60 * 1000;

/** The program and the settings with which Deno runs one script. */
export interface PreparedDeno {
  /** The program `deno`. */
  readonly deno: string;
  /** The flags of `deno run`, besides those for permissions and limits. */
  readonly flags: readonly string[];
  /** The variables that the script needs besides its own. */
  readonly env: Readonly<Record<string, string>>;
  /** The paths that a script may always read, so that `snakeden` works in it. */
  readonly reads: readonly string[];
}

/** Options of {@link DenoEnvironments.prepare}. */
export interface DenoPrepareOptions extends PrepareOptions {
  /** The folders that the script may import files from; by default any. */
  readonly folders?: readonly string[] | undefined;
  /** True for a script that belongs to no folder, so that no `deno.json` around it counts. */
  readonly isAlone?: boolean | undefined;
}

/** Options of {@link DenoEnvironments}. */
export interface DenoEnvironmentsOptions {
  readonly dataDir: string;
  /** The program `deno`; by default the one that runs this process. */
  readonly deno?: string | undefined;
  /** A Python that ends the preparations if this process is killed; without it, they go on. */
  readonly guardPython?: string | undefined;
}

/** The preparation of one script, in a file of its own. */
const recordSchema = z.object({
  /** The version of Deno that has prepared it. */
  deno: z.string(),
  /** The hash of the configuration. */
  config: z.string(),
  /** The hash of the lock file of Snakeden. */
  lock: z.string(),
  /** The script and the files that it imports, with their hashes. */
  files: z.array(z.tuple([z.string(), z.string()])),
  /** True if it imports anything that is not a file of its own. */
  isLocked: z.boolean(),
  /** The paths of its other imports in the cache of Deno, which others may empty. */
  cached: z.array(z.string()),
  denoDir: z.string(),
});
type ScriptRecord = z.output<typeof recordSchema>;

/** A script that is ready, and the states of the files that its record depends on. */
interface Ready {
  readonly prepared: PreparedDeno;
  readonly states: ReadonlyMap<string, string>;
  /** The files of the preparation, whose times say when they were used last. */
  readonly made: readonly string[];
  /** The files that it imports, without symbolic links. */
  readonly imported: readonly string[];
  usedMs: number;
}

/** The parts of `deno info --json` that matter. */
const infoSchema = z.object({
  modules: z.array(z.object({ specifier: z.string(), local: z.string().nullish() })).default([]),
  npmPackages: z.record(z.string(), z.object({ localPath: z.string().nullish() })).default({}),
});

/**
 * The needs of TypeScript scripts: a configuration that maps `snakeden`, and everything that they
 * import in the cache of Deno, in locked versions. Each script is prepared once, and again when it
 * or a file that it imports has another content. Types are not checked.
 */
export class DenoEnvironments {
  readonly #root: string;
  readonly #given: string | undefined;
  readonly #guardPython: string | undefined;
  readonly #ready = new Map<string, Ready>();
  readonly #work = new SharedWork<Ready>();
  #sweptMs = -Infinity;

  constructor({ dataDir, deno, guardPython }: DenoEnvironmentsOptions) {
    this.#guardPython = guardPython;
    this.#root = resolve(dataDir, "scripts");
    this.#given = deno;
  }

  /**
   * Prepares a script.
   *
   * @param file The absolute path of the script.
   * @throws {SnakedenError} `environment_failed`: an import that is missing or cannot be fetched, a
   * script that cannot be parsed, a broken `deno.json`. The reason of the signal when it aborts.
   */
  async prepare(file: string, options: DenoPrepareOptions = {}): Promise<PreparedDeno> {
    const { name = file, signal, folders } = options;
    signal?.throwIfAborted();
    void this.#sweep();
    const ready = await this.#readyFor(file, options);
    await checkImports(ready.imported, { folders, name });
    return ready.prepared;
  }

  async #readyFor(file: string, options: DenoPrepareOptions): Promise<Ready> {
    const { name = file, signal } = options;
    const known = this.#ready.get(file);
    if (known !== undefined && await isSame(known.states)) {
      known.usedMs = Date.now();
      return known;
    }
    this.#ready.delete(file);
    return await this.#work.run(file, signal, async (shared) => {
      const made = await this.#prepare(file, { ...options, name, signal: shared });
      this.#ready.set(file, made);
      return made;
    });
  }

  async #prepare(
    file: string,
    { name, signal, onProgress, folders, isAlone }: DenoPrepareOptions & { readonly name: string },
  ): Promise<Ready> {
    // Read before the texts: a change in between makes the script be prepared again.
    const states = new Map<string, string>();
    const note = async (path: string): Promise<string> => {
      const state = await fileState(path);
      states.set(path, state);
      return state;
    };
    if (await note(file) === "") throw environmentFailed(name, "there is no such file");
    let own: string | undefined;
    for (const path of isAlone ? [] : configPathsOf(file)) {
      own ??= await note(path) === "" ? undefined : path;
      if (own !== undefined) break;
    }
    const place = snakedenPlace();
    await note(join(place.folder, "deno.json"));
    await note(place.lock);
    const deno = this.#denoOf(name);
    const config = await this.#writeConfig(await scriptConfig(own, name));
    const id = (await textHash(file)).slice(0, 32);
    const [recordPath, lock] = [join(this.#root, `${id}.json`), join(this.#root, `${id}.lock`)];
    const made = [recordPath, lock, config.path];
    let record = await recordAt(recordPath);
    const wanted = {
      deno: Deno.version.deno,
      config: config.hash,
      lock: await fileHash(place.lock),
    };
    const isValid = record?.deno === wanted.deno && record.config === wanted.config &&
      record.lock === wanted.lock && await fileState(lock) !== "" &&
      await haveHashes(record.files) && await areThere(record.cached);
    if (record === undefined || !isValid) {
      onProgress?.(`Fetching what ${name} imports`);
      const beside = own === undefined ? "" : join(own, "..", "deno.lock");
      const base = await fileState(beside) === "" ? place.lock : beside;
      const fetched = await this.#fetch(file, {
        deno,
        config: config.path,
        base,
        lock,
        name,
        signal,
        folders,
      });
      record = { ...wanted, ...fetched };
      await writeWhole(recordPath, JSON.stringify(record));
    } else {
      await touch(made);
    }
    for (const [path] of record.files) if (!states.has(path)) await note(path);
    await Promise.all([lock, config.path, ...record.cached].map(note));
    const locked = record.isLocked ? [`--lock=${lock}`, "--frozen"] : ["--no-lock"];
    return {
      prepared: {
        deno,
        flags: ["--quiet", "--no-prompt", "--cached-only", `--config=${config.path}`, ...locked],
        env: { DENO_DIR: record.denoDir, DENO_NO_UPDATE_CHECK: "1" },
        reads: place.parts,
      },
      states,
      made,
      imported: await Promise.all(record.files.map(([path]) => realPathOf(path))),
      usedMs: Date.now(),
    };
  }

  /**
   * Fetches everything that a script imports, and writes its lock file.
   *
   * @param options.base The lock file to begin with.
   */
  async #fetch(
    file: string,
    { deno, config, base, lock, ...options }: {
      readonly deno: string;
      readonly config: string;
      readonly base: string;
      readonly lock: string;
      readonly name: string;
      readonly signal?: AbortSignal | undefined;
      readonly folders?: readonly string[] | undefined;
    },
  ): Promise<Pick<ScriptRecord, "files" | "isLocked" | "cached" | "denoDir">> {
    const { parts } = snakedenPlace();
    const run = (...args: string[]): Promise<string> => this.#run(deno, args, options);
    const newLock = `${lock}.${crypto.randomUUID().slice(0, 8)}`;
    try {
      await Deno.copyFile(base, newLock);
      const flags = [`--config=${config}`, `--lock=${newLock}`, "--frozen=false"];
      // It loads code, but no text, which may have no end.
      const info = await run("info", "--json", ...flags, file);
      const { modules, npmPackages } = infoSchema.parse(JSON.parse(info));
      const files = modules.flatMap(({ specifier }) =>
        specifier.startsWith("file:") ? [fileURLToPath(specifier)] : []
      ).filter((it) => it === file || !parts.some((part) => isWithin(part, it)));
      await checkImports(await Promise.all(files.map(realPathOf)), options);
      await run("cache", "--quiet", ...flags, file);
      const place = await run("info", "--json", "--no-config", "--no-lock");
      const { denoDir } = z.object({ denoDir: z.string() }).parse(JSON.parse(place));
      const remote = modules.filter(({ specifier }) => !specifier.startsWith("file:"));
      const cached = [
        ...remote.map(({ local }) => local),
        ...Object.values(npmPackages).map(({ localPath }) => localPath),
      ].filter((it) => typeof it === "string");
      const hashed = files.map(async (it): Promise<[string, string]> => [it, await fileHash(it)]);
      await Deno.rename(newLock, lock);
      return {
        files: await Promise.all(hashed),
        cached,
        isLocked: modules.length > files.length || Object.keys(npmPackages).length > 0,
        denoDir,
      };
    } finally {
      // It is there only after a failure.
      await Deno.remove(newLock).catch(() => {});
    }
  }

  /** Writes a configuration unless it is there; its name is its content. */
  async #writeConfig(text: string): Promise<{ readonly path: string; readonly hash: string }> {
    const hash = (await textHash(text)).slice(0, 32);
    const path = join(this.#root, `config-${hash}.json`);
    if (await fileState(path) === "") {
      await Deno.mkdir(this.#root, { recursive: true, mode: 0o700 });
      await writeWhole(path, text);
    }
    return { path, hash };
  }

  #denoOf(name: string): string {
    const named = this.#given ?? (readVariable(HOST_ENV.deno) || undefined);
    if (named !== undefined) return named;
    if (!Deno.build.standalone) return Deno.execPath();
    throw environmentFailed(
      name,
      "this program is compiled and cannot run scripts itself; name the program deno by " +
        HOST_ENV.deno,
    );
  }

  async #run(
    deno: string,
    args: readonly string[],
    { name, signal }: { readonly name: string; readonly signal?: AbortSignal | undefined },
  ): Promise<string> {
    const env: Record<string, string> = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    for (const it of FETCH_ENV) {
      const value = readVariable(it);
      if (value !== undefined) env[it] = value;
    }
    // Deno would take the configuration of its working folder into account.
    const cwd = this.#root;
    let result: Awaited<ReturnType<typeof runCommand>>;
    try {
      const options = { env, cwd, signal };
      const python = this.#guardPython;
      result = python === undefined
        ? await runCommand([deno, ...args], options)
        : await runGuarded(python, [deno, ...args], options);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw environmentFailed(name, `${deno} cannot be run: ${messageOf(error)}`, {}, error);
    }
    if (result.success) return result.stdout;
    const end = result.lines.indexOf("Stack backtrace:");
    const lines = result.lines.slice(0, end < 0 ? undefined : end)
      .filter((it) => it.trim() !== "").slice(0, SHOWN_LINES);
    throw environmentFailed(
      name,
      lines.join("\n").replace(/^error: /, "") || `deno exited with ${result.code}`,
      {
        exitCode: result.code,
        lastOutput: lines,
        ...(lines.some((it) => WRONG.test(it)) ? FINAL : {}),
      },
    );
  }

  /** Removes the records of scripts that have not run for a while. */
  async #sweep(): Promise<void> {
    const now = Date.now();
    if (now - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = now;
    try {
      for (const [file, { usedMs, made }] of this.#ready) {
        if (now - usedMs > SWEEP_MS) this.#ready.delete(file);
        else await touch(made);
      }
      for await (const { name } of Deno.readDir(this.#root)) {
        const path = join(this.#root, name);
        const { mtime } = await Deno.stat(path);
        const isOld = now - (mtime?.getTime() ?? now) > KEPT_DAYS * SWEEP_MS;
        if (isOld && /^(?:config-)?[0-9a-f]{32}\.(?:json|lock)(?:\.\w+)?$/.test(name)) {
          await Deno.remove(path);
        }
      }
    } catch {
      // The folder is not there yet, or another host removes the same.
    }
  }
}

async function isSame(states: ReadonlyMap<string, string>): Promise<boolean> {
  const now = await Promise.all(
    Array.from(states, async ([path, state]) => await fileState(path) === state),
  );
  return now.every((it) => it);
}

async function haveHashes(files: ScriptRecord["files"]): Promise<boolean> {
  const same = await Promise.all(files.map(async ([path, hash]) => await fileHash(path) === hash));
  return same.every((it) => it);
}

async function areThere(paths: readonly string[]): Promise<boolean> {
  const states = await Promise.all(paths.map(fileState));
  return !states.includes("");
}

/** Returns a record; undefined if there is none, or none that is whole. */
async function recordAt(path: string): Promise<ScriptRecord | undefined> {
  try {
    return recordSchema.safeParse(JSON.parse(await Deno.readTextFile(path))).data;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Marks files as used now. */
async function touch(paths: readonly string[]): Promise<void> {
  const now = new Date();
  for (const path of paths) await Deno.utime(path, now, now);
}

/** Writes a file so that nobody sees a part of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${crypto.randomUUID().slice(0, 8)}`;
  await Deno.writeTextFile(unfinished, text);
  await Deno.rename(unfinished, path);
}
