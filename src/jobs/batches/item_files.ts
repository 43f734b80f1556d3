import { mayNameFiles, TextValue, Value } from "../../bridge/mod.ts";
import type { BatchItem } from "./item_feed.ts";

/**
 * Puts the files that arguments name in their places; undefined if they name none. Rejects for a
 * file that cannot be given.
 */
export type OpenFiles = (args: Value) => Promise<Value> | undefined;

/** Items that can run, and the arguments to send for each. */
export interface OpenedItems {
  readonly items: readonly BatchItem[];
  readonly args: readonly (string | Value)[];
}

/** The files that the items of one part name. They are held until this is disposed of. */
export class ItemFiles implements Disposable {
  readonly #open: OpenFiles;
  readonly #held = new DisposableStack();

  constructor(open: OpenFiles) {
    this.#open = open;
  }

  /** Returns false if no item names a file, without parsing any. */
  static concern(items: readonly BatchItem[]): boolean {
    return items.some(({ args }) => args !== undefined && mayNameFiles(args));
  }

  /**
   * Puts the files in their places. Returns the items that can run, as they were given, since the
   * places are gone when an item runs again, and the arguments to send. The others have failed.
   */
  async open(
    items: readonly BatchItem[],
    onFailure: (item: BatchItem, error: unknown) => void,
  ): Promise<OpenedItems> {
    const opened: { items: BatchItem[]; args: (string | Value)[] } = { items: [], args: [] };
    for (const item of items) {
      try {
        const args = await this.#argsOf(item);
        if (args === undefined) continue;
        opened.items.push(item);
        opened.args.push(args);
      } catch (error) {
        onFailure(item, error);
      }
    }
    return opened;
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }

  async #argsOf({ args }: BatchItem): Promise<BatchItem["args"]> {
    if (args === undefined || !mayNameFiles(args)) return args;
    const value = args instanceof Value ? args : new Value(new TextValue(args, false, []));
    const opened = await this.#open(value);
    if (opened === undefined) return args;
    this.#held.defer(() => opened.files?.release());
    return opened;
  }
}
