import { type Snakeden, SnakedenError } from "../../mod.ts";
import { judge, type Kind, leaveAfter, type Strange } from "./kinds/kind.ts";
import type { Random } from "./random.ts";

const CALLERS = 24;

/**
 * Callers that make calls of all kinds, one after another, by the library and over HTTP. Every call
 * is counted when it is made, and when it has ended with its outcome.
 */
export class ChaosLoad {
  made = 0;
  ended = 0;
  /** The number of calls by kind and code. */
  readonly ends = new Map<string, number>();
  /** Outcomes that must not happen. */
  readonly strange: Strange[] = [];
  readonly #den: Snakeden;
  readonly #origin: string;
  readonly #random: Random;
  readonly #kinds: readonly Kind[];
  readonly #open = new Map<number, string>();
  readonly #callers: readonly Promise<void>[];
  #stopping = false;

  constructor(
    den: Snakeden,
    { origin, random, more }: {
      readonly origin: string;
      readonly random: Random;
      readonly more: readonly Kind[];
    },
  ) {
    this.#den = den;
    this.#origin = origin;
    this.#random = random;
    this.#kinds = [...this.#ownKinds(), ...more];
    this.#callers = Array.from({ length: CALLERS }, () => this.#callForever());
  }

  /** The kinds of the calls that have not ended. */
  get open(): string[] {
    return [...this.#open.values()];
  }

  /** Makes no more calls. */
  stop(): void {
    this.#stopping = true;
  }

  /** Resolves when all calls have ended. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#callers);
  }

  async #callForever(): Promise<void> {
    while (!this.#stopping) {
      const kind = this.#pick();
      const number = ++this.made;
      this.#open.set(number, kind.name);
      await this.#call(kind);
      this.#open.delete(number);
      this.ended++;
    }
  }

  async #call(kind: Kind): Promise<void> {
    const { name } = kind;
    try {
      await kind.run(this.#random);
      this.#count(`${name}: well`);
    } catch (error) {
      const { outcome, isExpected } = judge(error, kind);
      this.#count(`${name}: ${outcome}`);
      if (!isExpected) this.strange.push({ name, error });
    }
  }

  #count(end: string): void {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }

  #pick(): Kind {
    const total = this.#kinds.reduce((sum, { weight }) => sum + weight, 0);
    let at = this.#random.next() * total;
    for (const kind of this.#kinds) {
      at -= kind.weight;
      if (at < 0) return kind;
    }
    throw new Error("unreachable");
  }

  #ownKinds(): Kind[] {
    const den = this.#den;
    return [
      { name: "quick", weight: 40, run: () => this.#quick() },
      {
        name: "nap",
        weight: 10,
        run: (random) => den.execute("nap", { seconds: random.next() / 20 }),
      },
      {
        name: "spin",
        weight: 4,
        run: (random) => den.execute("spin", { seconds: random.next() / 50 }),
      },
      { name: "stream", weight: 6, run: (random) => this.#stream(random) },
      { name: "array", weight: 6, run: (random) => this.#array(random) },
      { name: "http", weight: 12, run: (random) => this.#http(random), codes: ["left"] },
      {
        name: "raises",
        weight: 4,
        run: () => den.execute("raises", { text: "as it should" }),
        codes: ["python_exception"],
      },
      {
        name: "late",
        weight: 4,
        run: (random) => den.execute("nap", { seconds: 5 }, { timeoutMs: 1 + random.below(60) }),
        codes: ["deadline_exceeded"],
      },
      { name: "left", weight: 4, run: (random) => this.#leave(random), codes: ["left"] },
      { name: "child", weight: 0.5, run: () => den.execute("child") },
      {
        name: "die",
        weight: 0.4,
        run: (random) =>
          den.execute("die", { how: random.pick(["segfault", "abort", "exit", "kill"]) }),
        codes: ["poison_call"],
      },
      {
        name: "hog",
        weight: 0.1,
        // In a worker of several calls, it would end others with the same error.
        run: () => den.execute("hog", { megabytes: 600 }, { pool: "fresh" }),
        codes: ["out_of_memory"],
      },
    ];
  }

  async #quick(): Promise<void> {
    const key = this.made;
    if (await this.#den.execute("quick", { key }) !== key) throw new Error("wrong answer");
  }

  async #stream(random: Random): Promise<void> {
    const n = random.below(2_000);
    const until = random.below(4) === 0 ? random.below(n + 1) : n;
    let expected = 0;
    for await (const chunk of this.#den.stream("numbers", { n })) {
      if (chunk !== expected++) throw new Error("wrong chunk");
      if (expected >= until) break;
    }
  }

  async #array(random: Random): Promise<void> {
    const array = new Float64Array(1_000 + random.below(60_000)).fill(random.next());
    const answer = await this.#den.execute("same", { array });
    if (!(answer instanceof Float64Array) || answer.length !== array.length) {
      throw new Error("wrong array");
    }
    if (answer.at(-1) !== array.at(-1)) throw new Error("wrong numbers");
  }

  async #leave(random: Random): Promise<void> {
    await leaveAfter(
      random.below(40),
      (signal) => this.#den.execute("nap", { seconds: 5 }, { signal }),
    );
  }

  async #http(random: Random): Promise<void> {
    const leaving = new AbortController();
    const leaves = random.below(4) === 0;
    const timer = leaves ? setTimeout(() => leaving.abort(new Error("left")), random.below(20)) : 0;
    try {
      const response = await fetch(`${this.#origin}/v1/execute`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ tool: "nap", args: { seconds: random.next() / 30 } }),
        signal: leaving.signal,
      });
      const answer = await response.json();
      if (!response.ok) throw new SnakedenError(answer.code, answer.detail);
    } finally {
      clearTimeout(timer);
    }
  }
}
