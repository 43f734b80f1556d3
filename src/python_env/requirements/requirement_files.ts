import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentError, fileError } from "../environment_error.ts";
import { includeOf, logicalLines, shellWords, variablesIn } from "./requirement_lines.ts";

/** A requirements file, and the parts of it that matter. */
export interface RequirementFile {
  readonly path: string;
  readonly lines: readonly RequirementLine[];
  /** The names of the variables in the file, written as `${NAME}`. */
  readonly variables: readonly string[];
}

/** A requirement or an option, or the file that a line includes. */
export type RequirementLine = string | { readonly kind: "-r" | "-c"; readonly path: string };

/**
 * Reads requirements files and those that they include, each once, in the order in which pip reads
 * them.
 *
 * @throws {SnakedenError} `python_environment` when a file is missing or unreadable.
 */
export async function readRequirementFiles(
  paths: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<RequirementFile[]> {
  const found = new Map<string, RequirementFile>();
  const read = async (path: string, from?: string): Promise<void> => {
    if (found.has(path)) return;
    const text = await textOf(path, from);
    const lines = logicalLines(text, env).map((line): RequirementLine => {
      const include = includeOf(line);
      const target = include && localPath(include.path, dirname(path));
      return include && target !== undefined ? { kind: include.kind, path: target } : line;
    });
    found.set(path, { path, lines, variables: variablesIn(text) });
    for (const line of lines) if (typeof line !== "string") await read(line.path, path);
  };
  for (const path of paths) await read(resolve(path));
  return [...found.values()];
}

/** Returns the path of an included file; undefined for a file on the web. */
function localPath(path: string, folder: string): string | undefined {
  if (/^https?:/.test(path)) return undefined;
  if (!path.startsWith("file:")) return resolve(folder, path);
  try {
    return fileURLToPath(path);
  } catch {
    return undefined; // The URL names another machine, which the installer refuses.
  }
}

/** Decodes a file by its byte order mark, or as UTF-8, or else as Latin-1. */
async function textOf(path: string, from?: string): Promise<string> {
  const bytes = await bytesOf(path, from);
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe
    ? "utf-16le"
    : bytes[0] === 0xfe && bytes[1] === 0xff
    ? "utf-16be"
    : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

async function bytesOf(path: string, from?: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw fileError("read the requirements file", path, error);
    }
    const named = from === undefined ? "" : `, which ${from} names,`;
    const cure = from === undefined ? cureOf(path) : "";
    throw environmentError(
      `Cannot prepare the Python environment: the requirements file ${path}${named} does not ` +
        `exist${cure}`,
      { path, ...(from === undefined ? {} : { from }) },
      error,
    );
  }
}

/**
 * Returns the end of an error text for a missing file in the working directory, which says what
 * relative paths go by; an empty text for a file elsewhere.
 */
function cureOf(path: string): string {
  const cwd = Deno.cwd();
  const inside = relative(cwd, path);
  if (inside.startsWith("..")) return "";
  return "; a relative path in a configuration file goes by the folder of that file, and one in a " +
    `program by the working directory, ${cwd}: write import.meta.dirname + "/${inside}" there for ` +
    "a file beside the program";
}

/**
 * Returns the contents of the files as one text that does not depend on their location. Comments
 * and blanks do not count. The location counts only for lines that name a local path, which is
 * relative to the file or to the working folder.
 */
export async function contentOf(files: readonly RequirementFile[]): Promise<string> {
  const places = new Map(files.map(({ path }, i) => [path, i]));
  const content = files.map(({ path, lines }) =>
    Promise.all(
      lines.map(async (line) =>
        typeof line === "string"
          ? [line, ...await placeOf(line, dirname(path))]
          : [line.kind, places.get(line.path)]
      ),
    )
  );
  return JSON.stringify(await Promise.all(content));
}

const URL_ELSEWHERE = /\b(?!file:)[a-z][\w+.-]*:\/\/\S*/gi;
const QUOTES = /["']/g;
/** A slash, a file URL, or the name of an archive. */
const LOCAL_PATH = /\/|\bfile:|\.(?:whl|zip|tar|tgz|tbz|txz|tlz|gz|bz2|xz|lzma)\b/i;
/** A value of `-e`, `-f`, `--editable` or `--find-links`. */
const LOCAL_OPTION = /^(?:-[ef]\s*\S|--[ef][\w-]*[\s=]\s*\S)/;

/**
 * Returns the folders and archives that a line with a local path depends on; nothing for other
 * lines.
 */
async function placeOf(line: string, folder: string): Promise<string[]> {
  const rest = line.replaceAll(URL_ELSEWHERE, "").replaceAll(QUOTES, "");
  if (!LOCAL_PATH.test(rest) && !LOCAL_OPTION.test(rest)) return [];
  // For pip, projects and archives are relative to the working folder, and links to the folder of
  // the file.
  const bases = [...new Set([Deno.cwd(), folder])];
  const words = shellWords(line)?.flatMap((it) => it.replace(/^-[ef]|^--[\w-]+=/, "")) ?? [];
  const states = await Promise.all(
    bases.flatMap((base) => words.map((word) => archiveState(localPath(word, base)))),
  );
  return [...bases, ...states.filter((it) => it !== "")];
}

/** Returns the path, size and time of a file, such as a wheel; an empty text for a folder. */
async function archiveState(path: string | undefined): Promise<string> {
  if (path === undefined) return "";
  try {
    const { isFile, size, mtime } = await Deno.stat(path);
    return isFile ? `${path} ${size} ${mtime?.getTime()}` : "";
  } catch {
    return ""; // The word is not a path.
  }
}
