import assert from "node:assert/strict";
import type { Snakeden } from "../../../mod.ts";
import type { Random } from "../random.ts";
import { errorOf, type Kind, leaveAfter, pause } from "./kind.ts";
import type { OpenWork } from "./open_work.ts";

const encoder = new TextEncoder();

/** A source of numbers from 0. */
interface Numbers {
  readonly n: number;
  /** The items between two pauses. */
  readonly stride: number;
  /** The item at which the source fails. */
  readonly failAt?: number;
}

/** Input streams by the library and over HTTP, which either end leaves in the middle. */
export class InputKinds {
  readonly #den: Snakeden;
  readonly #origin: string;
  readonly #open: OpenWork;

  constructor(
    den: Snakeden,
    { origin, open }: { readonly origin: string; readonly open: OpenWork },
  ) {
    this.#open = open;
    this.#den = den;
    this.#origin = origin;
  }

  get kinds(): Kind[] {
    return [
      { name: "input", weight: 6, run: (random) => this.#read(random) },
      { name: "input echoed", weight: 5, run: (random) => this.#echo(random) },
      {
        name: "input left by its tool",
        weight: 3,
        run: (random) => this.#leaveByTool(random),
      },
      {
        name: "input left by its caller",
        weight: 3,
        run: (random) => this.#leaveByCaller(random),
        codes: ["left"],
      },
      {
        name: "input late",
        weight: 2,
        run: (random) => this.#late(random),
        codes: ["deadline_exceeded"],
      },
      {
        name: "input broken",
        weight: 3,
        run: (random) => this.#break(random),
        codes: ["the source broke"],
      },
      { name: "input over HTTP", weight: 5, run: (random) => this.#post(random) },
      {
        name: "input over HTTP left by its tool",
        weight: 3,
        run: (random) => this.#postMuch(random),
      },
      {
        name: "input over HTTP left by its client",
        weight: 4,
        run: (random) => this.#leavePost(random),
        codes: ["left"],
      },
      {
        name: "input over HTTP broken",
        weight: 2,
        run: (random) => this.#postBadly(random),
        codes: ["invalid_input"],
      },
    ];
  }

  async #read(random: Random): Promise<void> {
    const n = random.below(3_000);
    const numbers = this.#source(random, { n, stride: 100 });
    assert.deepEqual(await this.#den.execute("read_input", { numbers }), [n, (n * n - n) / 2]);
  }

  async #echo(random: Random): Promise<void> {
    const n = random.below(2_000);
    const most = random.below(3) === 0 ? random.below(n + 1) : n;
    let seen = 0;
    const items = this.#source(random, { n, stride: 100 });
    for await (const item of this.#den.stream("echo_input", { items })) {
      assert.equal(item, seen++);
      if (seen > most) return;
    }
    assert.equal(seen, n);
  }

  async #leaveByTool(random: Random): Promise<void> {
    const most = 1 + random.below(500);
    const numbers = this.#source(random, { n: Infinity, stride: 100 });
    const answer = await this.#den.execute("read_input", { numbers, most });
    assert.deepEqual(answer, [most, most * (most - 1) / 2]);
  }

  async #leaveByCaller(random: Random): Promise<void> {
    const numbers = this.#source(random, { n: Infinity, stride: 10 });
    await leaveAfter(
      random.below(60),
      (signal) => this.#den.execute("read_input", { numbers, most: 1e9 }, { signal }),
    );
  }

  async #late(random: Random): Promise<void> {
    const numbers = this.#source(random, { n: Infinity, stride: 10 });
    const timeoutMs = 1 + random.below(60);
    await this.#den.execute("read_input", { numbers, most: 1e9 }, { timeoutMs });
  }

  async #break(random: Random): Promise<void> {
    const failAt = random.below(1_000);
    const numbers = this.#source(random, { n: Infinity, stride: 100, failAt });
    await this.#den.execute("read_input", { numbers, most: 1e9 });
  }

  async #post(random: Random): Promise<void> {
    const n = random.below(2_000);
    const body = lines(someNumbers({ n, stride: 200 }));
    const answer = await this.#answer(await this.#fetch({ body }));
    assert.deepEqual(answer, [n, (n * n - n) / 2]);
  }

  /** Has the tool leave a body that ends only when the answer has come. */
  async #postMuch(random: Random): Promise<void> {
    const most = 1 + random.below(500);
    const numbers: { n: number; readonly stride: number } = { n: Infinity, stride: 50 };
    try {
      const response = await this.#fetch({ body: lines(someNumbers(numbers)), most });
      assert.deepEqual(await this.#answer(response), [most, most * (most - 1) / 2]);
    } finally {
      // The runtime of the host reads and drops the rest of a body, however long it is.
      numbers.n = 0;
    }
  }

  async #leavePost(random: Random): Promise<void> {
    const body = lines(someNumbers({ n: Infinity, stride: 10 }));
    await leaveAfter(random.below(60), async (signal) => {
      await this.#answer(await this.#fetch({ body, most: 1e9, signal }));
    });
  }

  async #postBadly(random: Random): Promise<void> {
    const failAt = random.below(500);
    const numbers = someNumbers({ n: failAt, stride: 100 });
    const body = lines(numbers, "no JSON");
    await this.#answer(await this.#fetch({ body }));
    throw new Error("a line that is no JSON was read");
  }

  #fetch(
    { body, most, signal }: {
      readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
      readonly most?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<Response> {
    const args = encodeURIComponent(JSON.stringify(most === undefined ? {} : { most }));
    return fetch(`${this.#origin}/v1/execute?tool=read_input&input=numbers&args=${args}`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async #answer(response: Response): Promise<unknown> {
    const answer = await response.json();
    if (!response.ok) throw errorOf(answer);
    return answer.result;
  }

  #source(random: Random, numbers: Numbers): AsyncIterable<number> | ReadableStream<number> {
    return random.below(2) === 0
      ? this.#open.reading("generator", someNumbers(numbers))
      : this.#stream(numbers);
  }

  /** Unlike a generator it has begun before anybody reads it, and must be cancelled in any case. */
  #stream({ n, stride, failAt }: Numbers): ReadableStream<number> {
    this.#open.began("ReadableStream");
    let i = 0;
    return new ReadableStream<number>({
      pull: async (controller) => {
        if (i % stride === stride - 1) await pause(2);
        if (i < n && i !== failAt) return controller.enqueue(i++);
        this.#open.ended("ReadableStream");
        if (i === failAt) controller.error(new Error("the source broke"));
        else controller.close();
      },
      cancel: () => this.#open.ended("ReadableStream"),
    });
  }
}

/** Returns a body with a number a line, and perhaps a last line. */
function lines(
  numbers: AsyncIterable<number>,
  last?: string,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(encodedLines(numbers, last));
}

async function* encodedLines(
  numbers: AsyncIterable<number>,
  last?: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const number of numbers) yield encoder.encode(`${number}\n`);
  if (last !== undefined) yield encoder.encode(`${last}\n`);
}

async function* someNumbers(numbers: Numbers): AsyncGenerator<number> {
  const { stride, failAt } = numbers;
  for (let i = 0; i < numbers.n; i++) {
    if (i % stride === stride - 1) await pause(2);
    if (i === failAt) throw new Error("the source broke");
    yield i;
  }
}
