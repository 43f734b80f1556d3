import type { Tool } from "../../bridge/mod.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { PoolCode, ToolsServed } from "../../pool/mod.ts";
import { MAX_TOOL_LIST_BYTES, type ToolListStore } from "../../store/mod.ts";
import type { CodeHash } from "./code_hash.ts";
import { decodeTools, encodeTools } from "./list_body.ts";

/** Options of a {@link PoolToolList}. */
export interface PoolToolListOptions {
  /** The name of the pool. */
  readonly name: string;
  readonly code: Pick<PoolCode, "onRenewed" | "onServed" | "restore" | "tools">;
  readonly store: ToolListStore;
  /** Returns the key of the list as it is now. */
  readonly keyNow: () => Promise<CodeHash>;
}

/**
 * The list of the tools of one pool. It is kept when a worker is ready, if the code is then as it
 * was before any worker began to load it. So code that changes meanwhile is never kept under a hash
 * that is not its own. A list is tried to keep once.
 */
export class PoolToolList implements AsyncDisposable {
  readonly #options: PoolToolListOptions;
  readonly #log = getLogger("pool");
  readonly #forget: readonly (() => void)[];
  /** The key of the code as it was before the workers of now began to load it. */
  #key: Promise<CodeHash>;
  /** True if nothing is to be done until there are other tools, or other code. */
  #isSettled = false;
  #keeping: Promise<void> = Promise.resolve();

  /** @param key The key as it is before the pool starts. */
  constructor(options: PoolToolListOptions, key: Promise<CodeHash>) {
    this.#options = options;
    this.#key = key;
    const { code } = options;
    this.#forget = [
      code.onRenewed(() => this.#renewed()),
      code.onServed((served) => this.#served(served)),
    ];
  }

  /** Lists the tools that an earlier host has kept, if the code is the same. Never throws. */
  async restore(): Promise<void> {
    const { name, store, code } = this.#options;
    try {
      const { hash, problem } = await this.#key;
      const row = await store.get(name);
      if (problem !== undefined) this.#unkept(problem);
      if (row === undefined) return;
      if (row.code !== hash) return await store.remove([name]);
      let tools: Tool[];
      try {
        tools = await decodeTools(row.body);
      } catch (error) {
        this.#log.warn("ignored the kept tools of pool {pool}: {problem}", {
          pool: name,
          problem: messageOf(error),
        });
        return await store.remove([name]);
      }
      code.restore(tools);
      this.#isSettled = true;
    } catch (error) {
      this.#failed("read", error);
    }
  }

  /** Resolves when nothing is written any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const forget of this.#forget) forget();
    await this.#keeping;
  }

  #renewed(): void {
    this.#isSettled = false;
    this.#key = this.#options.keyNow();
  }

  #served({ isKnown }: ToolsServed): void {
    if (isKnown && this.#isSettled) return;
    this.#isSettled = true;
    const key = this.#key;
    const { tools } = this.#options.code;
    this.#keeping = this.#keeping.then(() => this.#keep(tools, key));
  }

  async #keep(tools: readonly Tool[], before: Promise<CodeHash>): Promise<void> {
    const { name, store, keyNow } = this.#options;
    try {
      const { hash, problem } = await before;
      if (problem !== undefined) return this.#unkept(problem);
      if (hash !== (await keyNow()).hash) {
        this.#log.debug("not keeping the tools of pool {pool}: its code has changed", {
          pool: name,
        });
        return;
      }
      const body = await encodeTools(tools, MAX_TOOL_LIST_BYTES);
      if (body !== undefined) return await store.put({ pool: name, code: hash, body });
      this.#unkept(`they have more than ${MAX_TOOL_LIST_BYTES} bytes`);
      await store.remove([name]);
    } catch (error) {
      this.#failed("keep", error);
    }
  }

  #unkept(problem: string): void {
    this.#log.info(
      "the tools of pool {pool} are not listed after a restart until it has a worker: {problem}",
      { pool: this.#options.name, problem },
    );
  }

  #failed(action: string, error: unknown): void {
    this.#log.warn("cannot {action} the list of the tools of pool {pool}: {problem}", {
      action,
      pool: this.#options.name,
      problem: messageOf(error),
    });
  }
}
