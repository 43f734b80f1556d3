import { Value } from "../../bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { FILE_NAME_RULE, isFileName } from "../../files/mod.ts";
import { isRecord } from "../../json/mod.ts";
import type { AskingCall, HostMethod } from "../../pool/mod.ts";
import type { CallFolder, CallFolders } from "./call_folders.ts";
import type { CallFileLimits, FileSource, MadeFile } from "./file_source.ts";

/** Dependencies of {@link fileMethods}. */
export interface FileMethodsDeps {
  readonly source: FileSource;
  readonly folders: CallFolders;
  readonly limits: CallFileLimits;
}

/**
 * Returns the methods by which tools in Python make files.
 *
 * - `files.create` `{name, mediaType?}`: the `id` of a file to make, the `path` to write it to, and
 *   its longest length, `maxBytes`.
 * - `files.finish` `{id}`: keeps the file; its description, with the `path` where it can be read
 *   until the call ends.
 *
 * A file that is not finished when the call ends is removed.
 */
export function fileMethods(deps: FileMethodsDeps): Readonly<Record<string, HostMethod>> {
  /** The files that each call makes, by the signal of the call. */
  const open = new WeakMap<AbortSignal, Making>();

  const makingOf = ({ signal }: AskingCall): Making => {
    let making = open.get(signal);
    if (making === undefined) open.set(signal, making = new Making(deps, signal));
    return making;
  };

  return {
    "files.create": async (call, args) => {
      const { id, path } = await makingOf(call).create(madeFile(args.decode(), call.job));
      return Value.from({ id, path, maxBytes: deps.limits.maxFileBytes });
    },
    "files.finish": async (call, args) => Value.from(await makingOf(call).finish(args.decode())),
  };
}

/** The files that the tool of one call makes, in a folder of the call. */
class Making {
  readonly #deps: FileMethodsDeps;
  readonly #signal: AbortSignal;
  readonly #files = new Map<number, MadeFile & { readonly path: string }>();
  #folder: Promise<CallFolder> | undefined;
  #count = 0;

  constructor(deps: FileMethodsDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async create(file: MadeFile): Promise<{ readonly id: number; readonly path: string }> {
    const { maxFilesPerCall } = this.#deps.limits;
    if (this.#count >= maxFilesPerCall) throw tooMany(maxFilesPerCall);
    const id = ++this.#count;
    const folder = await (this.#folder ??= this.#open());
    const path = await folder.place(file.name);
    this.#signal.throwIfAborted();
    this.#files.set(id, { ...file, path });
    return { id, path };
  }

  async finish(args: unknown): Promise<Readonly<Record<string, unknown>>> {
    const id = isRecord(args) ? args["id"] : undefined;
    const made = typeof id === "number" ? this.#files.get(id) : undefined;
    if (made === undefined || typeof id !== "number") {
      throw wrong("id", `given ${String(id)}; allowed: that of a file that the call makes`);
    }
    this.#files.delete(id);
    const { path, name } = made;
    await this.#check(path, name);
    const { source } = this.#deps;
    const { path: _, ...options } = made;
    const file = await source.store({ path }, { ...options, move: true });
    if (this.#signal.aborted) {
      await source.remove(file.id);
      this.#signal.throwIfAborted();
    }
    await source.link(file, path);
    return { ...file, path };
  }

  async #open(): Promise<CallFolder> {
    this.#signal.throwIfAborted();
    const folder = await this.#deps.folders.create();
    if (this.#signal.aborted) await folder.remove();
    this.#signal.throwIfAborted();
    this.#signal.addEventListener("abort", () => void folder.remove(), { once: true });
    return folder;
  }

  async #check(path: string, name: string): Promise<void> {
    const { maxFileBytes } = this.#deps.limits;
    const { isFile, size } = await Deno.lstat(path).catch((cause) => {
      throw notThere(name, cause);
    });
    if (!isFile) throw notThere(name);
    if (size > maxFileBytes) throw tooLong(name, size, maxFileBytes);
  }
}

function madeFile(args: unknown, job: string | undefined): MadeFile {
  const { name, mediaType } = isRecord(args) ? args : {};
  if (!isFileName(name)) throw wrong("name", `given ${shown(name)}; allowed: ${FILE_NAME_RULE}`);
  const ofJob = job === undefined ? {} : { job };
  if (mediaType === undefined || mediaType === null) return { name, ...ofJob };
  if (typeof mediaType !== "string") {
    throw wrong("mediaType", `given ${shown(mediaType)}; allowed: a media type, such as text/csv`);
  }
  return { name, mediaType, ...ofJob };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

function wrong(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot make a file: ${path}: ${message}`, [{ path, message }]);
}

function tooMany(maxFilesPerCall: number): SnakedenError {
  return new SnakedenError(
    "file_quota_exceeded",
    `Cannot make another file: the call has made ${maxFilesPerCall}; allowed: at most ` +
      `${maxFilesPerCall} in one call (files.maxFilesPerCall)`,
    { details: { maxFilesPerCall } },
  );
}

function tooLong(name: string, bytes: number, maxFileBytes: number): SnakedenError {
  return new SnakedenError(
    "file_too_large",
    `Cannot keep the file ${JSON.stringify(name)}: it has ${bytes} bytes; allowed: at most ` +
      `${maxFileBytes} (limits.maxFileBytes)`,
    { details: { bytes, maxFileBytes } },
  );
}

function notThere(name: string, cause?: unknown): SnakedenError {
  return new SnakedenError(
    "invalid_input",
    `Cannot keep the file ${
      JSON.stringify(name)
    }: it is not at its path any more, or is no plain ` +
      "file",
    { cause },
  );
}
