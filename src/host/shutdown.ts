import type { Calls } from "../calls/mod.ts";
import type { PoolGroup } from "../pool/mod.ts";

/** What ends, and in which way. */
export interface ShutdownParts {
  readonly pools: PoolGroup;
  readonly calls: Calls;
  /** All parts of the host, the pools among them; disposed when the pools are gone. */
  readonly resources: AsyncDisposableStack;
}

/** How a host ends: the pools drain, then each part is disposed, the last one first. */
export class Shutdown {
  readonly #parts: ShutdownParts;
  #done: Promise<void> | undefined;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /**
   * Ends the host once; complete when it resolves. Called again with a `drainMs` of 0 while it
   * drains, it kills at once.
   */
  async run(options: { readonly drainMs?: number } = {}): Promise<void> {
    if (this.#done === undefined) this.#done = this.#run(options);
    else if (options.drainMs === 0) await this.#parts.pools.stop(options);
    await this.#done;
  }

  async #run(options: { readonly drainMs?: number }): Promise<void> {
    const { pools, calls, resources } = this.#parts;
    const stopped = pools.stop(options);
    calls.close();
    await stopped;
    await resources.disposeAsync();
  }
}
