import { mayNameFiles, TextValue, Value } from "../bridge/mod.ts";

/**
 * Puts the files that arguments name in their places; undefined if they name none. Rejects for a
 * file that cannot be given.
 */
export type OpenFiles = (args: Value) => Promise<Value> | undefined;

/** The files that items name which travel together. They are held until this is disposed of. */
export class ItemFiles implements Disposable {
  readonly #open: OpenFiles;
  readonly #held = new DisposableStack();

  constructor(open: OpenFiles) {
    this.#open = open;
  }

  /**
   * Returns the arguments of an item with the files in their places: once, since the places are
   * gone when the item runs again.
   *
   * @throws {SnakedenError} For a file that cannot be given.
   */
  async placed(args: string | Value): Promise<string | Value> {
    if (!mayNameFiles(args)) return args;
    const value = args instanceof Value ? args : new Value(new TextValue(args, false, []));
    const opened = await this.#open(value);
    if (opened === undefined) return args;
    this.#held.defer(() => opened.files?.release());
    return opened;
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}
