import { TextValue, Value } from "../../bridge/mod.ts";
import type { BatchItem } from "./item_feed.ts";

/**
 * Puts the files that arguments name in their places; undefined if they name none. Rejects for a
 * file that cannot be given.
 */
export type OpenFiles = (args: Value) => Promise<Value> | undefined;

/** The key of an object that names a file. Other texts may look like it. */
const MARK = '"$file"';

/** The files that the items of one part name. They are held until this is disposed of. */
export class ItemFiles implements Disposable {
  readonly #open: OpenFiles;
  readonly #held = new DisposableStack();

  constructor(open: OpenFiles) {
    this.#open = open;
  }

  /** Returns false if no item names a file, without parsing any. */
  static concern(items: readonly BatchItem[]): boolean {
    return items.some(({ args }) => textOf(args).includes(MARK));
  }

  /** Returns the items with their files in place; those that cannot have theirs have failed. */
  async open(
    items: readonly BatchItem[],
    onFailure: (item: BatchItem, error: unknown) => void,
  ): Promise<readonly BatchItem[]> {
    const ready: BatchItem[] = [];
    for (const item of items) {
      try {
        const args = await this.#argsOf(item);
        ready.push(args === item.args ? item : { ...item, args });
      } catch (error) {
        onFailure(item, error);
      }
    }
    return ready;
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }

  async #argsOf({ args }: BatchItem): Promise<BatchItem["args"]> {
    if (args === undefined || !textOf(args).includes(MARK)) return args;
    const value = args instanceof Value ? args : new Value(new TextValue(args, false, []));
    const opened = await this.#open(value);
    if (opened === undefined) return args;
    this.#held.defer(() => opened.files?.release());
    return opened;
  }
}

function textOf(args: BatchItem["args"]): string {
  return args instanceof Value ? args.text : args ?? "";
}
