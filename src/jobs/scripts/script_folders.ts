import { extname, isAbsolute, join } from "node:path";
import type { JobsConfig, ScriptFolderConfig } from "../../config/mod.ts";
import { type FieldIssue, InvalidInputError, messageOf, SnakedenError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";
import { isWithin } from "./permissions.ts";

/** The language of a script. */
export type ScriptLanguage = "typescript" | "python";

/** The languages by the extensions of files. */
const LANGUAGES: Readonly<Record<string, ScriptLanguage>> = {
  ".ts": "typescript",
  ".mts": "typescript",
  ".js": "typescript",
  ".mjs": "typescript",
  ".py": "python",
};

/** A script that was found. */
export interface FoundScript {
  /** The file, without symbolic links. */
  readonly file: string;
  readonly language: ScriptLanguage;
  /** The folder that has it, as it is configured. */
  readonly folder: ScriptFolderConfig;
  /** The path of the folder without symbolic links. */
  readonly root: string;
}

/** The most names from which an error suggests one. */
const MAX_NAMES = 1_000;

/** The folders whose files may be run. */
export class ScriptFolders {
  readonly #folders: readonly ScriptFolderConfig[];

  constructor(folders: JobsConfig["scriptFolders"]) {
    this.#folders = folders.map((it) => typeof it === "string" ? { path: it } : it);
  }

  /**
   * Returns what is wrong with the folders of the configuration, and with their requirements files.
   */
  async issues(): Promise<FieldIssue[]> {
    const issues: FieldIssue[] = [];
    for (const [i, { path, requirements }] of this.#folders.entries()) {
      const field = `jobs.scriptFolders[${i}]`;
      const problem = await placeProblem(path, "isDirectory");
      if (problem !== undefined) {
        const message = `given ${JSON.stringify(path)}, which ${problem}; allowed: a folder`;
        issues.push({ path: field, message });
      }
      if (requirements === undefined) continue;
      const missing = await placeProblem(requirements, "isFile");
      if (missing === undefined) continue;
      const message = `given ${JSON.stringify(requirements)}, which ${missing}; allowed: a file`;
      issues.push({ path: `${field}.requirements`, message });
    }
    return issues;
  }

  /**
   * Finds a script by its path in one of the folders. The first folder that has it counts.
   *
   * @throws {InvalidInputError} For a path that cannot be one of a script.
   * @throws {SnakedenError} `unknown_script` if no folder has it.
   */
  async find(script: string): Promise<FoundScript> {
    const issue = pathIssue(script);
    if (issue !== undefined) throw refusedScript(issue);
    const language = LANGUAGES[extname(script)];
    if (language === undefined) {
      throw refusedScript(
        `given ${JSON.stringify(script)}; allowed: a file that ends in ` +
          `${Object.keys(LANGUAGES).join(", ")}`,
      );
    }
    for (const folder of this.#folders) {
      const found = await findIn(folder, script);
      if (found !== undefined) return { ...found, language, folder };
    }
    throw await this.#unknown(script);
  }

  /** Returns the first folder that has a file, whose path is given; undefined if none has it. */
  async folderOf(file: string): Promise<ScriptFolderConfig | undefined> {
    for (const folder of this.#folders) {
      const [root, path] = await Promise.all([realPathOf(folder.path), realPathOf(file)]);
      if (root !== undefined && path !== undefined && isWithin(root, path)) return folder;
    }
    return undefined;
  }

  async #unknown(script: string): Promise<SnakedenError> {
    const text = `Cannot find the script ${JSON.stringify(script)}`;
    if (this.#folders.length === 0) {
      return new SnakedenError(
        "unknown_script",
        `${text}: no folder is configured; name one in jobs.scriptFolders`,
      );
    }
    const names: string[] = [];
    for (const { path } of this.#folders) names.push(...await scriptsIn(path));
    const near = names.length === 0
      ? `there is no script in ${this.#folders.map(({ path }) => path).join(", ")}`
      : suggestion(script, names);
    return new SnakedenError("unknown_script", `${text}; ${near}`, { details: { script } });
  }
}

/** Returns a path without symbolic links; undefined if it cannot be read. */
async function realPathOf(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch {
    return undefined;
  }
}

/** Says why a path is not what it must be; undefined if it is. */
async function placeProblem(
  path: string,
  kind: "isDirectory" | "isFile",
): Promise<string | undefined> {
  try {
    const info = await Deno.stat(path);
    if (info[kind]) return undefined;
    return kind === "isFile" ? "is not a file" : "is not a folder";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isNotAFolder(error)) return "does not exist";
    return `cannot be read (${messageOf(error)})`;
  }
}

function pathIssue(script: string): string | undefined {
  const given = `given ${JSON.stringify(script)}`;
  if (isAbsolute(script)) {
    return `${given}, an absolute path; allowed: a path relative to a folder of jobs.scriptFolders`;
  }
  const parts = script.split("/");
  if (parts.includes("..") || parts.includes(".") || parts.includes("")) {
    return `${given}; allowed: a path relative to a folder of jobs.scriptFolders, without .. and .`;
  }
  return undefined;
}

/** Finds a script in one folder; undefined if it does not have it. */
async function findIn(
  { path }: ScriptFolderConfig,
  script: string,
): Promise<{ readonly file: string; readonly root: string } | undefined> {
  let root: string;
  let file: string;
  try {
    root = await Deno.realPath(path);
    file = await Deno.realPath(join(root, script));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isNotAFolder(error)) return undefined;
    throw refusedScript(
      `given ${JSON.stringify(script)}, which cannot be read (${messageOf(error)}); ` +
        "allowed: a file that the host may read",
    );
  }
  if (!isWithin(root, file)) {
    throw refusedScript(
      `given ${JSON.stringify(script)}, a symbolic link to ${file}; allowed: a file in the ` +
        `folder ${path}`,
    );
  }
  const { isFile } = await Deno.stat(file);
  if (!isFile) {
    throw refusedScript(`given ${JSON.stringify(script)}, which is not a file; allowed: a file`);
  }
  return { file, root };
}

function isNotAFolder(error: unknown): boolean {
  return error instanceof Deno.errors.NotADirectory;
}

/** Lists the scripts directly in a folder, for the text of an error. */
async function scriptsIn(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) {
      if (LANGUAGES[extname(name)] !== undefined) names.push(name);
      if (names.length === MAX_NAMES) break;
    }
  } catch {
    // A folder that cannot be read has no names to suggest.
  }
  return names;
}

/** The error for a path that cannot be one of a script. */
function refusedScript(message: string): InvalidInputError {
  return refusedJob([{ path: "script", message }]);
}

/** The error for fields of a submission. */
export function refusedJob(issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => `${path}: ${message}`);
  return new InvalidInputError(`Cannot submit the job: ${list.join("; ")}`, issues);
}
