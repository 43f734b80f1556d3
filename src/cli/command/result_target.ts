import type { CliIo } from "./cli_io.ts";
import { reasonOf, UsageError } from "./exit_status.ts";
import type { NewFile } from "./files.ts";
import { type Output, writeAll } from "./output.ts";

/** The place of results: standard output, or a file. */
export interface ResultTarget extends AsyncDisposable {
  /** True for a file, which takes results also when ids alone are asked for. */
  readonly isFile: boolean;
  lines(texts: readonly string[]): Promise<void>;
  /** Keeps what was written. A file that is disposed before that is removed. */
  keep(): Promise<void>;
}

/**
 * Opens the place of results: the file of `--output`, or else standard output.
 *
 * @throws {UsageError} If the file cannot be created, or a document of JSON is written as well.
 */
export async function resultTarget(
  path: string | undefined,
  { io, output, isJson }: {
    readonly io: CliIo;
    readonly output: Output;
    readonly isJson: boolean;
  },
): Promise<ResultTarget> {
  if (path !== undefined && isJson) {
    throw new UsageError("--output: given beside --json; allowed: one of them");
  }
  if (path !== undefined && path !== "-") return new FileTarget(await created(path, io), path);
  return {
    isFile: false,
    lines: (texts) => output.linesAbove(texts, "data"),
    keep: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function created(path: string, io: CliIo): Promise<NewFile> {
  try {
    return await io.createFile(path);
  } catch (error) {
    throw new UsageError(`--output: cannot create ${path}: ${reasonOf(error)}`);
  }
}

class FileTarget implements ResultTarget {
  readonly isFile = true;
  readonly #file: NewFile;
  readonly #path: string;

  constructor(file: NewFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async lines(texts: readonly string[]): Promise<void> {
    if (texts.length === 0) return;
    try {
      await writeAll(this.#file, `${texts.join("\n")}\n`);
    } catch (error) {
      throw new Error(`Cannot write the result to ${this.#path}: ${reasonOf(error)}`);
    }
  }

  async keep(): Promise<void> {
    await this.#file.keep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}
