import type { Tool } from "../bridge/mod.ts";
import { SnakedenError } from "../errors.ts";
import { findPool, type Pool, type PoolsByName } from "../pool/mod.ts";
import { nearNames, suggestion } from "../near_names.ts";

/** A tool as callers see it. */
export interface ToolInfo {
  /** The name by which calls name the tool. */
  readonly name: string;
  /** The name of the pool that serves the tool. */
  readonly pool: string;
  /** The text of `@tool(description=...)`, else the first paragraph of the docstring. */
  readonly description: string;
  /** JSON Schema (2020-12) of the arguments, an object schema. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  /** JSON Schema of the result, or of a chunk of a streaming tool, if the type hints declare it. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  /** True for a generator, which sends chunks before its result. */
  readonly streams: boolean;
  /** True if a call runs again after its worker died. */
  readonly idempotent: boolean;
  /** The default deadline of a call, if the tool declares one; else the pool's default applies. */
  readonly timeoutMs?: number;
  /** The media type of the bytes that the tool returns, if it declares one. */
  readonly mediaType?: string;
}

/** The tools of a host. */
export interface Tools {
  /** Lists every tool of every pool that has had a ready worker, in the order of the pools. */
  list(): ToolInfo[];

  /**
   * Returns the tool that a call of this name would run, in `pool` or in the pool that the call
   * would ask; undefined if none is known.
   */
  find(name: string, pool?: string): ToolInfo | undefined;
}

/** Options of a {@link ToolRegistry}. */
export interface ToolRegistryOptions {
  /** True if all pools serve the demo adapter, perhaps because nobody has named another. */
  readonly isDemo?: boolean;
}

/** Name of the pool that is asked first when a call names none. */
const DEFAULT_POOL = "default";

/**
 * Finds the pool that serves a tool. The tools are read from the pools each time, so they are never
 * stale. Callers of the library see this class as {@link Tools}.
 */
export class ToolRegistry implements Tools {
  readonly #pools: PoolsByName;
  readonly #isDemo: boolean;

  constructor(pools: PoolsByName, { isDemo = false }: ToolRegistryOptions = {}) {
    this.#pools = pools;
    this.#isDemo = isDemo;
  }

  list(): ToolInfo[] {
    return [...this.#pools.values()].flatMap((pool) =>
      pool.tools.map((tool) => toolInfo(tool, pool.name))
    );
  }

  find(name: string, poolName?: string): ToolInfo | undefined {
    const preferred = this.#pools.get(poolName ?? DEFAULT_POOL);
    const others = poolName === undefined ? this.#pools.values() : [];
    for (const pool of preferred === undefined ? others : [preferred, ...others]) {
      const tool = pool.tools.find((it) => it.name === name);
      if (tool !== undefined) return toolInfo(tool, pool.name);
    }
    return undefined;
  }

  /**
   * Returns the pool that serves a tool: the one named; else `default` when it has the tool; else
   * the first in the configuration that has it. A pool that has not had a worker yet is
   * assumed to have every tool: its worker refuses unknown ones.
   *
   * @throws {SnakedenError} `unknown_pool` or `unknown_tool`, naming near ones.
   */
  poolFor(tool: string, poolName: string | undefined): Pool {
    if (poolName !== undefined) {
      const pool = findPool(poolName, this.#pools);
      if (pool.offers(tool) || pool.tools.length === 0) return pool;
      throw this.#unknownTool(tool, `of the pool ${poolName}`, pool.tools.map((it) => it.name));
    }
    const preferred = this.#pools.get(DEFAULT_POOL);
    if (preferred?.offers(tool)) return preferred;
    let silent: Pool | undefined;
    for (const pool of this.#pools.values()) {
      if (pool.offers(tool)) return pool;
      if (pool.tools.length === 0) silent ??= pool;
    }
    if (silent !== undefined) return silent;
    const names = [...this.#pools.values()].flatMap((pool) => pool.tools.map((it) => it.name));
    throw this.#unknownTool(tool, "of any pool", names);
  }

  #unknownTool(tool: string, where: string, names: string[]): SnakedenError {
    // A name that is nearly right is no sign of a forgotten adapter.
    const cure = this.#isDemo && nearNames(tool, names).length === 0
      ? "; the demo adapter is served, so name yours as the adapter of a pool"
      : "";
    return new SnakedenError(
      "unknown_tool",
      `There is no tool "${tool}" ${where}; ${suggestion(tool, names)}${cure}`,
      { details: { tool } },
    );
  }
}

/** Describes a tool of a worker for callers. */
export function toolInfo(tool: Tool, pool: string): ToolInfo {
  return {
    name: tool.name,
    pool,
    description: tool.description,
    inputSchema: JSON.parse(tool.inputSchema) as Record<string, unknown>,
    ...(tool.outputSchema === ""
      ? {}
      : { outputSchema: JSON.parse(tool.outputSchema) as Record<string, unknown> }),
    streams: tool.streams,
    idempotent: tool.idempotent,
    ...(tool.timeoutMs === 0 ? {} : { timeoutMs: tool.timeoutMs }),
    ...(tool.mediaType === "" ? {} : { mediaType: tool.mediaType }),
  };
}
