import type { Transport } from "../http/mod.ts";
import type { DenTools, ToolInfo } from "../shapes/mod.ts";

/** The pool that is asked first when a call names none. */
const DEFAULT_POOL = "default";

/** The tools of a host. */
export class ToolList implements DenTools {
  readonly #transport: Transport;

  /** Programs get theirs from {@link SnakedenClient.tools}. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Lists every tool of every pool that has had a ready worker, in the order of the pools. */
  async list(): Promise<ToolInfo[]> {
    const reply = await this.#transport.send({ path: "/v1/tools" });
    return (await reply.json<{ tools: ToolInfo[] }>()).tools;
  }

  /**
   * Returns the tool that a call of this name would run, in `pool` or in the pool that the call
   * would ask; undefined if none is known.
   */
  async find(name: string, pool?: string): Promise<ToolInfo | undefined> {
    const found = (await this.list()).filter((it) => it.name === name);
    const preferred = found.find((it) => it.pool === (pool ?? DEFAULT_POOL));
    return preferred ?? (pool === undefined ? found[0] : undefined);
  }
}
