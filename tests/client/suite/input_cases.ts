import { all, equal, failure, holds } from "./checks.ts";
import type { Case, Subject } from "./suite.ts";

/** Input streams: arguments whose items the tool reads while it runs. */
export const INPUT_CASES: readonly Case[] = [
  {
    name: "an async generator as an argument reaches the tool, with the other arguments",
    run: async (subject) => {
      const { den } = subject;
      if (await isRefused(subject)) return;
      const options = { timeoutMs: 20_000, pool: "default", requestId: "r-1", priority: 2 };
      equal(await den.execute("sum_of", { numbers: counted(3), start: 10 }, options), 13);
      equal(await den.execute("sum_of", { numbers: counted(0) }), 0);
      equal(await den.execute("sum_of", { numbers: counted(5_000) }), 12_497_500);
      const outcome = await den.call("pairs", { left: ["a", "b"], right: counted(9) });
      equal(outcome.value.decode(), [["a", 0], ["b", 1]]);
    },
  },
  {
    name: "every kind of source is an input stream",
    run: async (subject) => {
      const { den } = subject;
      if (!subject.sendsStreams) return;
      const literal = { [Symbol.asyncIterator]: () => counted(3) };
      const stream = new ReadableStream({
        start: (it) => {
          for (const n of [0, 1, 2]) it.enqueue(n);
          it.close();
        },
      });
      for (const items of [literal, stream, [0, 1, 2].values(), counted(3)]) {
        equal(await den.execute("relay", { items }), [0, 1, 2]);
      }
    },
  },
  {
    name: "items keep their values and the bounds of their bytes",
    run: async (subject) => {
      const { den } = subject;
      if (!subject.sendsStreams) return;
      const items = [null, "ü\n", 2n ** 70n, NaN, [1, { a: [] }], new Uint8Array([1]), -0];
      equal(await den.execute("relay", { items: items.values() }), items);
      const frames = [3, 0, 70_000].map((length) => new Uint8Array(length));
      equal(await den.execute("lengths", { frames: frames.values() }), [3, 0, 70_000]);
    },
  },
  {
    name: "a ReadableStream of bytes reaches the tool byte by byte",
    run: async (subject) => {
      const { den } = subject;
      if (!subject.sendsStreams) return;
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
      const joined = await den.execute("joined", { frames: new Blob([bytes]).stream() });
      holds(joined instanceof Uint8Array && joined.every((it, i) => it === bytes[i]), "equal");
      equal((joined as Uint8Array).length, bytes.length);
      equal(await den.execute("joined", { frames: new Blob([]).stream() }), new Uint8Array());
    },
  },
  {
    name: "chunks come back while items still go",
    run: async (subject) => {
      const { den } = subject;
      if (!subject.sendsStreams) return;
      let next = (_: number): void => {};
      async function* source(): AsyncGenerator<number> {
        yield 0;
        for (let n = 0; n < 3;) yield n = await new Promise<number>((resolve) => next = resolve);
      }
      const seen: unknown[] = [];
      for await (const item of den.stream<number>("relay", { items: source() })) {
        seen.push(item);
        next(item + 1);
      }
      equal(seen, [0, 1, 2, 3]);
    },
  },
  {
    name: "a source is closed when the tool does not read to its end, and when the caller leaves",
    run: async (subject) => {
      const { den } = subject;
      if (!subject.sendsStreams) return;
      const closed: string[] = [];
      async function* endless(name: string): AsyncGenerator<number> {
        try {
          for (let n = 0;; n++) {
            yield n;
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        } finally {
          closed.push(name);
        }
      }
      equal(await den.execute("first_of", { items: endless("returned") }), 0);
      for await (const _ of den.stream("relay", { items: endless("left") })) break;
      const late = { timeoutMs: 200 };
      const error = await failure(() => den.execute("relay", { items: endless("late") }, late));
      equal(error.code, "deadline_exceeded");
      const signal = AbortSignal.timeout(50);
      await failure(() => den.execute("relay", { items: endless("aborted") }, { signal }));
      while (closed.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
      equal(closed, ["returned", "left", "late", "aborted"]);
    },
  },
  {
    name: "an error of the source is thrown as it is",
    run: async (subject) => {
      const { den } = subject;
      if (!subject.sendsStreams) return;
      const thrown = new RangeError("of the source");
      async function* failing(n: number): AsyncGenerator<number> {
        yield* counted(n);
        await new Promise((resolve) => setTimeout(resolve, 5));
        throw thrown;
      }
      const calls = [
        () => den.execute("sum_of", { numbers: failing(0) }),
        () => den.execute("sum_of", { numbers: failing(3) }),
        () => den.execute("sum_of", { numbers: failing(3) }, { onProgress: () => {} }),
        () => all(den.stream("relay", { items: failing(3) })),
        () => all(den.stream("relay", { items: ReadableStream.from(failing(0)) })),
      ];
      for (const call of calls) {
        const error = await failure(call);
        holds(error as unknown === thrown, String(error));
      }
      const items = [1, () => {}].values();
      const error = await failure(() => den.execute("relay", { items }));
      equal(error.code, "invalid_value");
      holds(String(error.message).includes("args.items[1]"), String(error.message));
    },
  },
  {
    name: "a wrong item, and a parameter that takes no stream, are refused with their places",
    run: async (subject) => {
      const { den } = subject;
      if (!subject.sendsStreams) return;
      const numbers = [1, "x"].values();
      const wrong = await failure(() => den.execute("sum_of", { numbers }));
      holds(String(wrong.message).includes("numbers[1]"), String(wrong.message));
      await failure(() => den.execute("add", { a: counted(1), b: 1 }));
      const unknown = await failure(() => den.execute("no_such_tool", { items: counted(1) }));
      equal(unknown.code, "unknown_tool");
    },
  },
];

async function* counted(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield await Promise.resolve(i);
}

/** Holds that a runtime which sends no streams says so; returns true for one. */
async function isRefused({ den, sendsStreams }: Subject): Promise<boolean> {
  if (sendsStreams) return false;
  const error = await failure(() => den.execute("sum_of", { numbers: counted(1) }));
  equal(error.code, "not_implemented");
  holds(String(error.message).includes("args.numbers"), String(error.message));
  return true;
}
