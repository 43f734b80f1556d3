import type { Tool } from "../../bridge/mod.ts";

/** The differences between the tools that a pool offered and those that it offers now, by name. */
export interface ToolChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Those of another description, another schema, or other properties. */
  readonly changed: readonly string[];
}

/** Returns the differences between two lists of tools; undefined if there are none. */
export function toolChanges(
  before: readonly Tool[],
  now: readonly Tool[],
): ToolChanges | undefined {
  const old = new Map(before.map((tool) => [tool.name, tool]));
  const added: string[] = [];
  const changed: string[] = [];
  for (const tool of now) {
    const predecessor = old.get(tool.name);
    if (predecessor === undefined) added.push(tool.name);
    else if (!isSame(predecessor, tool)) changed.push(tool.name);
    old.delete(tool.name);
  }
  const removed = [...old.keys()];
  return added.length + removed.length + changed.length === 0
    ? undefined
    : { added, removed, changed };
}

/** Returns the differences in a line, such as `+embed -classify ~train`. */
export function changesText({ added, removed, changed }: ToolChanges): string {
  const marked = [["+", added], ["-", removed], ["~", changed]] as const;
  return marked.flatMap(([mark, names]) => names.map((name) => mark + name)).join(" ");
}

function isSame(a: Tool, b: Tool): boolean {
  return a.description === b.description && a.inputSchema === b.inputSchema &&
    a.outputSchema === b.outputSchema && a.streams === b.streams && a.idempotent === b.idempotent &&
    a.timeoutMs === b.timeoutMs && a.stallTimeoutMs === b.stallTimeoutMs &&
    a.mediaType === b.mediaType;
}
