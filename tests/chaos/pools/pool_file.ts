import { join } from "node:path";
import { type Config, loadConfig } from "../../../mod.ts";
import type { Random } from "../random.ts";
import type { DrawnPool } from "./drawn_pools.ts";

/** The configuration file of a run, which names its pools. */
export class PoolFile {
  readonly #path: string;
  readonly #pools: readonly DrawnPool[];

  constructor(folder: string, pools: readonly DrawnPool[]) {
    this.#path = join(folder, "pools.json");
    this.#pools = pools;
  }

  /** Writes the file as it is at the start, and reads it. */
  async load(): Promise<Config> {
    await this.write();
    return await loadConfig({ file: this.#path, env: () => undefined });
  }

  /** Writes the pools as they were drawn. */
  async write(): Promise<void> {
    await this.#write(this.#pools.map(({ input }) => input));
  }

  /** Writes one pool with another setting, so that a reload replaces all its workers. */
  async writeOther(random: Random): Promise<void> {
    const at = random.below(this.#pools.length);
    const env = { CHAOS: String(random.next()) };
    await this.#write(this.#pools.map(({ input }, i) => i === at ? { ...input, env } : input));
  }

  async #write(pools: readonly unknown[]): Promise<void> {
    await Deno.writeTextFile(this.#path, JSON.stringify({ pools }));
  }
}
