import { findFiles, type HeldFiles, mayNameFiles, type Value } from "../../bridge/mod.ts";
import type { CallFolder, CallFolders } from "./call_folders.ts";
import { type CallFile, type CallFileLimits, type FileSource, pinNamed } from "./file_source.ts";

/** Dependencies of {@link CallFiles}. */
export interface CallFilesDeps {
  readonly source: FileSource;
  readonly folders: CallFolders;
  readonly limits: Pick<CallFileLimits, "maxFilesPerCall">;
}

/** Gives calls the files that their arguments name. */
export class CallFiles {
  readonly #deps: CallFilesDeps;

  constructor(deps: CallFilesDeps) {
    this.#deps = deps;
  }

  /** Returns false for arguments that name no file: those of almost every call. */
  concerns(args: Value): boolean {
    return args.files === undefined && mayNameFiles(args);
  }

  /**
   * Puts the files that arguments name in a folder of this machine, read-only. They stay there
   * until nobody holds them any more. The caller holds them.
   *
   * @returns The arguments with the places of the files; as they are if they name none.
   * @throws {InvalidInputError} For an object that does not name a file as it should, and for too
   * many files.
   * @throws {SnakedenError} `unknown_file`, with the path of the field, or `store_failed`.
   */
  async open(args: Value): Promise<Value> {
    const named = findFiles(args, "args");
    if (named === undefined) return args;
    const { source, folders, limits } = this.#deps;
    using held = new DisposableStack();
    const { byId } = held.use(await pinNamed(named, { source, ...limits }));
    const folder = await folders.create();
    held.defer(() => void folder.remove());
    const paths = await linked(byId.values(), { source, folder });
    return named.withLeaves(
      (id) => leafOf(byId.get(id), paths.get(id)),
      new Hold(args, held.move()),
    );
  }
}

/** The files of one call, which go when nobody holds them. */
class Hold implements HeldFiles {
  readonly given: Value;
  readonly #resources: Disposable;
  #holders = 1;

  constructor(given: Value, resources: Disposable) {
    this.given = given;
    this.#resources = resources;
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#resources[Symbol.dispose]();
  }
}

async function linked(
  files: Iterable<CallFile>,
  { source, folder }: { readonly source: FileSource; readonly folder: CallFolder },
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const file of files) {
    const path = await folder.place(file.name);
    await source.link(file, path);
    paths.set(file.id, path);
  }
  return paths;
}

function leafOf(file: CallFile | undefined, path = ""): Readonly<Record<string, unknown>> {
  return { ...file, path };
}
