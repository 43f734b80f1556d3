import type { Calls } from "../calls/mod.ts";
import type { PoolGroup } from "../pool/mod.ts";

/** The parts of a host that a {@link Shutdown} ends. */
export interface ShutdownParts {
  readonly pools: PoolGroup;
  readonly calls: Calls;
  /** All parts of the host, the pools among them; disposed when the pools are gone. */
  readonly resources: AsyncDisposableStack;
}

/** Ends a host: drains the pools, then disposes the parts, the last one first. */
export class Shutdown {
  readonly #parts: ShutdownParts;
  #done: Promise<void> | undefined;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /**
   * Ends the host once; everything has ended when it resolves. A second call with a `drainMs` of 0
   * during the drain kills at once.
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
