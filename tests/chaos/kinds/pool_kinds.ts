import assert from "node:assert/strict";
import type { CallOptions, Snakeden } from "../../../mod.ts";
import { POOL_NAMES, type PoolName } from "../pools/drawn_pools.ts";
import type { Random } from "../random.ts";
import { type Kind, leaveAfter } from "./kind.ts";

/** Calls of pools of all profiles, by their names. */
export class PoolKinds {
  readonly #den: Snakeden;
  #last = 0;

  constructor(den: Snakeden) {
    this.#den = den;
  }

  get kinds(): Kind[] {
    return [
      { name: "pool quick", weight: 20, run: (random) => this.#quick(pick(random)) },
      {
        name: "pool quick or not",
        weight: 4,
        run: (random) => this.#quick(pick(random), { whenBusy: "fail" }),
      },
      {
        name: "pool nap",
        weight: 8,
        run: (random) => this.#nap(pick(random), random.next() / 20),
      },
      {
        name: "pool late",
        weight: 3,
        run: (random) => this.#nap(pick(random), 5, { timeoutMs: 1 + random.below(60) }),
        codes: ["deadline_exceeded"],
      },
      {
        name: "pool left",
        weight: 3,
        run: (random) => {
          const pool = pick(random);
          return leaveAfter(random.below(60), (signal) => this.#nap(pool, 5, { signal }));
        },
        codes: ["left"],
      },
      { name: "pool stream", weight: 5, run: (random) => this.#stream(random) },
      {
        name: "pool raises",
        weight: 2,
        run: (random) =>
          this.#den.execute("raises", { text: "as it should" }, { pool: pick(random) }),
        codes: ["python_exception"],
      },
      {
        name: "pool die",
        weight: 0.3,
        run: (random) => {
          const how = random.pick(["abort", "exit", "kill"]);
          return this.#den.execute("die", { how }, { pool: pick(random) });
        },
        codes: ["poison_call"],
      },
      {
        name: "pool block",
        weight: 1,
        run: (random) =>
          this.#den.execute("block", { seconds: random.next() / 10 }, { pool: "async" }),
      },
      { name: "pool fresh", weight: 4, run: () => this.#fresh() },
    ];
  }

  async #quick(pool: PoolName, options: CallOptions = {}): Promise<void> {
    const key = ++this.#last;
    assert.equal(await this.#den.execute("quick", { key }, { ...options, pool }), key);
  }

  async #nap(pool: PoolName, seconds: number, options: CallOptions = {}): Promise<void> {
    assert.equal(await this.#den.execute("nap", { seconds }, { ...options, pool }), seconds);
  }

  /** Reads a stream to the end, or leaves it in the middle. */
  async #stream(random: Random): Promise<void> {
    const n = random.below(1_000);
    const until = random.below(3) === 0 ? random.below(n + 1) : n;
    let expected = 0;
    for await (const chunk of this.#den.stream("numbers", { n }, { pool: pick(random) })) {
      assert.equal(chunk, expected++);
      if (expected >= until) break;
    }
    assert.ok(expected >= until, `the stream ended after ${expected} of ${n} chunks`);
  }

  /** Checks that a process runs this call alone. */
  async #fresh(): Promise<void> {
    assert.equal(await this.#den.execute("count_calls", {}, { pool: "fresh" }), 1);
  }
}

function pick(random: Random): PoolName {
  return random.pick(POOL_NAMES) ?? "default";
}
