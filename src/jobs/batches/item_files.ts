import { mayNameFiles, type Value } from "../../bridge/mod.ts";
import type { ItemFiles } from "../../map/mod.ts";
import type { BatchItem } from "./item_feed.ts";

/** Items that can run, and the arguments to send for each. */
export interface OpenedItems {
  readonly items: readonly BatchItem[];
  readonly args: readonly (string | Value)[];
}

/** Returns true if an item may name a file, without parsing any. */
export function mayNeedFiles(items: readonly BatchItem[]): boolean {
  return items.some(({ args }) => args !== undefined && mayNameFiles(args));
}

/**
 * Puts the files of items in their places. Returns the items that can run, as they were given, and
 * the arguments to send. The others have failed.
 */
export async function openItems(
  items: readonly BatchItem[],
  files: ItemFiles,
  onFailure: (item: BatchItem, error: unknown) => void,
): Promise<OpenedItems> {
  const opened: { items: BatchItem[]; args: (string | Value)[] } = { items: [], args: [] };
  for (const item of items) {
    if (item.args === undefined) continue;
    try {
      opened.args.push(await files.placed(item.args));
      opened.items.push(item);
    } catch (error) {
      onFailure(item, error);
    }
  }
  return opened;
}
