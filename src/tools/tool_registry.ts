import type { z } from "zod";
import type { Tool } from "../bridge/mod.ts";
import type { AnyHostTool } from "../config/mod.ts";
import { showCaller } from "../caller_stack.ts";
import { InvalidInputError, SnakedenError } from "../errors.ts";
import { findPool, type Pool, type PoolsByName, type RegisteredTool } from "../pool/mod.ts";
import { getLogger } from "../log.ts";
import { nearNames, suggestion } from "../near_names.ts";
import {
  type AnyInput,
  type HostToolDefinition,
  HostTools,
  ORIGIN,
  type Originated,
  type RegisterOptions,
  type Registration,
  visibleTo,
} from "./host/mod.ts";
import { learnTools } from "./learn_tools.ts";
import type { ToolInfo } from "./tool_info.ts";

/** The caller whose tools are listed. */
export interface ToolsOptions extends Originated {
  /** The session whose own tools are listed, too. Default: none. */
  readonly sessionId?: string | undefined;
}

/** Options of {@link Tools.learn}. */
export interface LearnOptions extends ToolsOptions {
  /** Ends the wait for a worker. */
  readonly signal?: AbortSignal | undefined;
  /** The longest wait for a worker. Default: the `timeoutMs` of its pool; 0 for any time. */
  readonly timeoutMs?: number | undefined;
}

/** The tools of a host. */
export interface Tools {
  /**
   * Lists every tool of every pool that has had a ready worker, in the order of the pools: the
   * tools of the adapter, and then those that workers have registered for all callers or for the
   * given session. The host tools come last. A pool with `min: 0` that has had no worker lists the
   * tools that its workers had under an earlier host, if its code is the same.
   */
  list(options?: ToolsOptions): ToolInfo[];

  /**
   * Returns the tool that a call of this name would run: in `pool`, or if that is omitted, a host
   * tool, or one of the pool that the call would ask. Undefined if none is known.
   */
  find(name: string, pool?: string, options?: ToolsOptions): ToolInfo | undefined;

  /**
   * Like {@link Tools.find}, but if no worker of a pool that may have the tool has been ready with
   * the code of now, waits for the first one. The pool starts one for it.
   *
   * @throws {SnakedenError} The error with which such a pool refuses calls; `deadline_exceeded` if
   * no worker is ready in time; `invalid_input` for a wrong `timeoutMs`. The reason of `signal`.
   */
  learn(name: string, pool?: string, options?: LearnOptions): Promise<ToolInfo | undefined>;

  /**
   * Registers a host tool, until the registration is disposed.
   *
   * A call that names no pool runs the host tool, even if a pool has a tool of this name; a call
   * that names the pool runs that of the pool.
   *
   * @example
   * ```ts
   * import { Snakeden } from "snakeden";
   * import { z } from "zod";
   *
   * await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
   * using _double = den.tools.register({
   *   name: "double",
   *   input: z.object({ n: z.number() }),
   *   expose: "all",
   *   run: ({ n }) => 2 * n,
   * });
   * console.log(await den.execute("double", { n: 4 }));
   * ```
   *
   * @throws {SnakedenError} `invalid_tool`, `tool_exists`, or `invalid_input` for a wrong session.
   */
  register<Input extends z.ZodObject = AnyInput, Output extends z.ZodType = z.ZodUnknown>(
    tool: HostToolDefinition<Input, Output>,
    options?: RegisterOptions,
  ): Registration;
  /** Registers several host tools, all or none of them. */
  register(tools: readonly AnyHostTool[], options?: RegisterOptions): Registration;
}

/** Options of a {@link ToolRegistry}. */
export interface ToolRegistryOptions {
  /**
   * True if all pools serve the demo adapter, perhaps because nobody has named another. Read when
   * it is needed, since pools can be added.
   */
  readonly isDemo?: boolean;
  /** The host tools; by default there are none. */
  readonly host?: HostTools;
}

/** Name of the pool that is asked first when a call names none. */
const DEFAULT_POOL = "default";

/**
 * Finds the pool that serves a tool. The tools are read from the pools each time, so they are never
 * stale. Callers of the library see this class as {@link Tools}.
 */
export class ToolRegistry implements Tools {
  readonly #pools: PoolsByName;
  readonly #options: Pick<ToolRegistryOptions, "isDemo">;
  readonly #host: HostTools;

  constructor(pools: PoolsByName, options: ToolRegistryOptions = {}) {
    this.#pools = pools;
    this.#options = options;
    this.#host = options.host ??
      new HostTools({ pools: () => pools.keys(), isOpen: () => Promise.resolve(true) });
  }

  list({ sessionId, [ORIGIN]: origin }: ToolsOptions = {}): ToolInfo[] {
    const ofPools = [...this.#pools.values()].flatMap((pool) => [
      ...pool.tools.map((tool) => toolInfo(tool, pool.name)),
      ...pool.registered.list(sessionId).map((it) => registeredInfo(it, pool.name)),
    ]);
    const ofHost = this.#host.list(sessionId, visibleTo(origin));
    return [...ofPools, ...ofHost.map((it) => it.tool.info(it.sessionId))];
  }

  register(
    tools: AnyHostTool | readonly AnyHostTool[],
    options: RegisterOptions = {},
  ): Registration {
    try {
      const registration = this.#host.register(tools, options);
      for (const name of registration.names) this.#warnIfShared(name);
      return registration;
    } catch (error) {
      showCaller(error, { below: this.register });
      throw error;
    }
  }

  /** Warns of the global host tools whose names are also those of tools of pools. */
  warnOfSharedNames(): void {
    for (const { tool } of this.#host.list(undefined, () => true)) this.#warnIfShared(tool.name);
  }

  #warnIfShared(tool: string): void {
    const pools = [...this.#pools.values()].filter((it) => it.offers(tool)).map(({ name }) => name);
    if (pools.length === 0) return;
    getLogger("tools").warn(
      "{tool} is a host tool, and a tool of {pools}: a call that names no pool runs the host tool",
      { tool, pools: pools.join(" and ") },
    );
  }

  find(
    name: string,
    poolName?: string,
    { sessionId, [ORIGIN]: origin }: ToolsOptions = {},
  ): ToolInfo | undefined {
    if (poolName === undefined) {
      const found = this.#host.find(name, sessionId, visibleTo(origin));
      if (found !== undefined) return found.tool.info(found.sessionId);
    }
    const preferred = this.#pools.get(poolName ?? DEFAULT_POOL);
    const others = poolName === undefined ? this.#pools.values() : [];
    for (const pool of preferred === undefined ? others : [preferred, ...others]) {
      const tool = pool.tools.find((it) => it.name === name);
      if (tool !== undefined) return toolInfo(tool, pool.name);
      const registered = pool.registered.find(name, sessionId);
      if (registered !== undefined) return registeredInfo(registered, pool.name);
    }
    return undefined;
  }

  async learn(
    name: string,
    poolName?: string,
    { signal, timeoutMs, ...options }: LearnOptions = {},
  ): Promise<ToolInfo | undefined> {
    refuseTime(timeoutMs);
    while (true) {
      const found = this.find(name, poolName, options);
      const pool = found === undefined
        ? this.#poolToAsk(name, poolName, options)
        : this.#outdatedPool(found);
      if (pool === undefined) return found;
      await learnTools(pool, { tool: name, signal, timeoutMs });
    }
  }

  /** Returns the pool that a call of an unknown tool would go to, and that may have it. */
  #poolToAsk(name: string, poolName: string | undefined, options: ToolsOptions): Pool | undefined {
    try {
      const pool = this.poolFor(name, poolName, options);
      return mayServe(pool) ? pool : undefined;
    } catch {
      // The call says what is wrong.
      return undefined;
    }
  }

  /** Returns the pool of a tool if its next worker may have another one of this name. */
  #outdatedPool({ runsIn, pool: name = "" }: ToolInfo): Pool | undefined {
    const pool = runsIn === "host" ? undefined : this.#pools.get(name);
    return pool !== undefined && mayServe(pool) && !pool.code.isCurrent ? pool : undefined;
  }

  /**
   * Returns the pool that serves a tool: the one named; else `default` when it has the tool; else
   * the first in the configuration that has it. Tools that workers have registered count, too.
   *
   * A pool that has had no worker with its code may have every tool: its worker refuses unknown
   * ones. Of such pools, those whose tools are not known from an earlier host come first, and
   * `default` before the others.
   *
   * @throws {SnakedenError} `unknown_pool` or `unknown_tool`, naming near ones.
   */
  poolFor(tool: string, poolName: string | undefined, options: ToolsOptions = {}): Pool {
    const { sessionId } = options;
    if (poolName !== undefined) {
      const pool = findPool(poolName, this.#pools);
      if (serves(pool, tool, sessionId) || mayServe(pool)) return pool;
      throw this.#unknownTool(tool, {
        where: ` of the pool ${poolName}`,
        pools: [pool],
        sessionId,
      });
    }
    const preferred = this.#pools.get(DEFAULT_POOL);
    if (preferred !== undefined && serves(preferred, tool, sessionId)) return preferred;
    for (const pool of this.#pools.values()) if (serves(pool, tool, sessionId)) return pool;
    const pools = [...this.#pools.values()];
    const candidates = (preferred === undefined ? pools : [preferred, ...pools]).filter(mayServe);
    const likely = candidates.find((it) => it.tools.length === 0) ?? candidates[0];
    if (likely !== undefined) return likely;
    const hostTools = this.#host.list(sessionId, visibleTo(options[ORIGIN]));
    throw this.#unknownTool(tool, {
      where: "",
      pools,
      sessionId,
      others: hostTools.map((it) => it.tool.name),
    });
  }

  #unknownTool(
    tool: string,
    { where, pools, sessionId, others = [] }: {
      readonly where: string;
      readonly pools: readonly Pool[];
      readonly sessionId: string | undefined;
      /** The names of tools that no pool has. */
      readonly others?: readonly string[];
    },
  ): SnakedenError {
    for (const { registered } of pools) {
      const departed = registered.departed(tool, sessionId);
      if (departed !== undefined) return departed;
    }
    const ofPools = pools.flatMap((pool) => [
      ...pool.tools.map((it) => it.name),
      ...pool.registered.list(sessionId).map((it) => it.tool.name),
    ]);
    const names = [...ofPools, ...others];
    // A name that is nearly right is no sign of a forgotten adapter.
    const cure = this.#options.isDemo === true && nearNames(tool, names).length === 0
      ? "; the demo adapter is served, so name yours as the adapter of a pool"
      : "";
    return new SnakedenError(
      "unknown_tool",
      `There is no tool "${tool}"${where}; ${suggestion(tool, names)}${cure}`,
      { details: { tool } },
    );
  }
}

function refuseTime(timeoutMs: unknown): void {
  if (timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs >= 0)) return;
  const message = `given ${String(timeoutMs)}; allowed: a number of milliseconds from 0 (no limit)`;
  throw new InvalidInputError(`Cannot learn the tool: timeoutMs: ${message}`, [
    { path: "timeoutMs", message },
  ]);
}

/** Returns true if a call of this tool may run in a pool. The adapter's tools come first. */
function serves(pool: Pool, tool: string, sessionId: string | undefined): boolean {
  return pool.offers(tool) || pool.registered.find(tool, sessionId) !== undefined;
}

/** Returns true if nobody knows yet whether the next worker of a pool has a tool. */
function mayServe(pool: Pool): boolean {
  return !pool.code.isConfirmed && pool.serving.length === 0;
}

function registeredInfo({ tool, workerId, sessionId }: RegisteredTool, pool: string): ToolInfo {
  return {
    ...toolInfo(tool, pool),
    workerId,
    ...(sessionId === undefined ? {} : { sessionId }),
  };
}

/** Describes a tool of a worker for callers. */
export function toolInfo(tool: Tool, pool: string): ToolInfo {
  return {
    name: tool.name,
    runsIn: "worker",
    pool,
    description: tool.description,
    inputSchema: JSON.parse(tool.inputSchema) as Record<string, unknown>,
    ...(tool.outputSchema === ""
      ? {}
      : { outputSchema: JSON.parse(tool.outputSchema) as Record<string, unknown> }),
    streams: tool.streams,
    idempotent: tool.idempotent,
    ...(tool.timeoutMs === 0 ? {} : { timeoutMs: tool.timeoutMs }),
    ...(tool.stallTimeoutMs === 0 ? {} : { stallTimeoutMs: tool.stallTimeoutMs }),
    ...(tool.mediaType === "" ? {} : { mediaType: tool.mediaType }),
  };
}
