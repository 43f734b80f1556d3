import { InvalidInputError, SnakedenError } from "../../errors.ts";
import type { NamedFiles } from "../../bridge/mod.ts";

/** A file that is kept, as calls need it. */
export interface CallFile {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly mediaType?: string;
}

/** Files that stay until this is disposed of, in the order in which they were asked for. */
export interface PinnedFiles extends Disposable {
  readonly files: readonly CallFile[];
}

/** A file that a tool has made, to keep. */
export interface MadeFile {
  readonly name: string;
  readonly mediaType?: string;
  /** The job whose call has made it; absent for any other call. */
  readonly job?: string;
}

/** The files of the host, as calls use them. `Files` of src/files has these methods. */
export interface FileSource {
  /**
   * Finds files, and keeps them from being removed.
   *
   * @throws {SnakedenError} `unknown_file`, whose details have the `fileId`.
   */
  pin(ids: readonly string[]): Promise<PinnedFiles>;
  /**
   * Puts a read-only file at a path on this machine.
   *
   * @throws {SnakedenError} `store_failed` if its bytes are gone.
   */
  link(file: CallFile, path: string): Promise<void>;
  /**
   * Keeps a file of this machine, which is taken away from its path.
   *
   * @throws {SnakedenError} `file_quota_exceeded`, `unknown_job`, `server_busy` or `store_failed`.
   */
  store(
    source: { readonly path: string },
    options: MadeFile & { readonly move: true },
  ): Promise<CallFile>;
  /** Removes a file. */
  remove(id: string): Promise<void>;
}

/** The limits on the files of one call. */
export interface CallFileLimits {
  /** The most files that its arguments may name, and the most that its tool may make. */
  readonly maxFilesPerCall: number;
  /** The longest file that its tool may make. */
  readonly maxFileBytes: number;
}

/**
 * Pins the files that a value names.
 *
 * @throws {InvalidInputError} For more than `maxFilesPerCall` files.
 * @throws {SnakedenError} `unknown_file`, with the path of the field.
 */
export async function pinNamed(
  named: NamedFiles,
  { source, maxFilesPerCall }: {
    readonly source: FileSource;
    readonly maxFilesPerCall: number;
  },
): Promise<Disposable & { readonly byId: ReadonlyMap<string, CallFile> }> {
  refuseTooMany(named, maxFilesPerCall);
  const pinned = await source.pin(named.ids).catch((error) => {
    throw atItsPlace(error, named);
  });
  return {
    byId: new Map(pinned.files.map((file) => [file.id, file])),
    [Symbol.dispose]: () => pinned[Symbol.dispose](),
  };
}

/** @throws {InvalidInputError} For more files than a call may name. */
export function refuseTooMany(named: NamedFiles, maxFilesPerCall: number): void {
  const { ids } = named;
  const extra = ids[maxFilesPerCall];
  if (extra === undefined) return;
  const path = named.placeOf(extra);
  const message = `given ${ids.length} files; allowed: at most ${maxFilesPerCall} in one call ` +
    "(files.maxFilesPerCall)";
  throw new InvalidInputError(`Cannot use a file: ${path}: ${message}`, [{ path, message }]);
}

/** Returns an error of a search for files with the path of the field that names the file. */
function atItsPlace(error: unknown, named: NamedFiles): unknown {
  if (!(error instanceof SnakedenError) || error.code !== "unknown_file") return error;
  const { fileId } = error.details;
  const path = named.placeOf(String(fileId));
  const summary = error.summary.replace(/^There is/, "there is");
  return new SnakedenError("unknown_file", `Cannot use a file: ${path}: ${summary}`, {
    cause: error,
    details: { path, fileId, issues: [{ path, message: summary }] },
  });
}
