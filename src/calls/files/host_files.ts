import { findFiles, type Value } from "../../bridge/mod.ts";
import { type CallFileLimits, type FileSource, pinNamed } from "./file_source.ts";

/** Arguments with descriptions of their files, which stay until this is disposed of. */
export interface DescribedFiles extends Disposable {
  readonly args: Value;
}

/** Describes the files that the arguments of host tools name. */
export class HostFiles {
  readonly #source: FileSource;
  readonly #limits: Pick<CallFileLimits, "maxFilesPerCall">;

  constructor(source: FileSource, limits: Pick<CallFileLimits, "maxFilesPerCall">) {
    this.#source = source;
    this.#limits = limits;
  }

  /**
   * Returns arguments in which a description of each file, as `den.files.get()` returns it, stands
   * in its place.
   *
   * @param name The name of the arguments in error texts.
   * @throws As {@link CallFiles.open}.
   */
  async describe(args: Value, name: string): Promise<DescribedFiles> {
    const named = findFiles(args, name);
    if (named === undefined) return { args, [Symbol.dispose]: () => {} };
    const pinned = await pinNamed(named, { source: this.#source, ...this.#limits });
    return {
      args: named.withObjects((id) => ({ ...pinned.byId.get(id) })),
      [Symbol.dispose]: () => pinned[Symbol.dispose](),
    };
  }
}
