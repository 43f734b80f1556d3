import type { Tool } from "../../bridge/mod.ts";

/** The names of the tools that a worker offers. */
export class ToolNames {
  readonly #names: ReadonlySet<string>;

  constructor(tools: readonly Pick<Tool, "name">[]) {
    this.#names = new Set(tools.map(({ name }) => name));
  }

  has(tool: string): boolean {
    return this.#names.has(tool);
  }

  /** Returns true if the others are the same names, in any order. */
  equals(others: ToolNames): boolean {
    return this === others ||
      (this.#names.size === others.#names.size && this.#names.isSubsetOf(others.#names));
  }
}
