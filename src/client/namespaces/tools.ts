import type { Transport } from "../http/mod.ts";
import type { DenTools, ToolInfo, ToolsOptions } from "../shapes/mod.ts";

/** The pool that is asked first when a call names none. */
const DEFAULT_POOL = "default";

/** The tools of a host. */
export class ToolList implements DenTools {
  readonly #transport: Transport;

  /** Programs get theirs from {@link SnakedenClient.tools}. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Lists every tool of every pool that has had a ready worker, in the order of the pools: the
   * tools of the adapter, and then those that workers have registered for all callers or for the
   * given session. The host tools come last. A pool with `min: 0` that has had no worker lists the
   * tools that its workers had under an earlier host, if its code is the same.
   */
  async list({ sessionId }: ToolsOptions = {}): Promise<ToolInfo[]> {
    const query = sessionId === undefined ? "" : `?${new URLSearchParams({ sessionId })}`;
    const reply = await this.#transport.send({ path: `/v1/tools${query}` });
    return (await reply.json<{ tools: ToolInfo[] }>({ tools: "objects" })).tools;
  }

  /**
   * Returns the tool that a call of this name would run: in `pool`, or if that is omitted, a host
   * tool, or one of the pool that the call would ask. Undefined if none is known.
   */
  async find(
    name: string,
    pool?: string,
    options: ToolsOptions = {},
  ): Promise<ToolInfo | undefined> {
    const named = (await this.list(options)).filter((it) => it.name === name);
    const found = named.filter((it) => it.runsIn === "worker");
    if (pool !== undefined) return inPool(found, pool);
    return named.findLast((it) => it.exposeHttp) ?? inPool(found, DEFAULT_POOL) ?? found[0];
  }
}

/** Returns the tool of a pool: that of the adapter, of the session, or for all, in this order. */
function inPool(tools: readonly ToolInfo[], pool: string): ToolInfo | undefined {
  const inIt = tools.filter((it) => it.pool === pool);
  return inIt.find((it) => it.workerId === undefined) ??
    inIt.find((it) => it.sessionId !== undefined) ?? inIt[0];
}
