import { equal, failure, holds } from "./checks.ts";
import type { Case, Subject } from "./suite.ts";

async function echoed({ den }: Subject, value: unknown): Promise<unknown> {
  return await den.execute("echo", { value });
}

/** Values in both directions; docs/values.md has the table. */
export const VALUE_CASES: readonly Case[] = [
  {
    name: "JSON comes back as it is, with text of every script",
    run: async (subject) => {
      const value = { a: [1, 1.5, true, null, 'ü 猫 🐍 \\" \n'], b: { c: {}, d: [] } };
      equal(await echoed(subject, value), value);
    },
  },
  {
    name: "integers stay exact: a bigint from 2^53 on, a number below",
    run: async (subject) => {
      const big = 123_456_789_012_345_678_901_234_567_890n;
      equal(await echoed(subject, [big, -big, 2n ** 53n, 2 ** 53 - 1, 5n]), [
        big,
        -big,
        2n ** 53n,
        2 ** 53 - 1,
        5,
      ]);
      equal(await echoed(subject, { text: '"12345678901234567890', n: big }), {
        text: '"12345678901234567890',
        n: big,
      });
    },
  },
  {
    name: "NaN, the infinities and -0 come back",
    run: async (subject) =>
      equal(await echoed(subject, [NaN, Infinity, -Infinity, -0]), [NaN, Infinity, -Infinity, -0]),
  },
  {
    name: "floats keep every digit",
    run: async (subject) => {
      const value = [0.1, 1e-300, 1.7976931348623157e308, 5e-324, 1e21, 123456789.12345678];
      equal(await echoed(subject, value), value);
    },
  },
  {
    name: "bytes come back as a Uint8Array",
    run: async (subject) => {
      const value = Uint8Array.from({ length: 1_000 }, (_, i) => i % 256);
      equal(await echoed(subject, value), value);
      equal(await echoed(subject, value.slice(0, 2).buffer), value.slice(0, 2));
      equal(await echoed(subject, { deep: [new Uint8Array()] }), { deep: [new Uint8Array()] });
    },
  },
  {
    name: "typed arrays keep their type",
    run: async (subject) => {
      const values = [
        new Int8Array([-1, 2]),
        new Int16Array([-300, 2]),
        new Uint16Array([60_000]),
        new Int32Array([-70_000]),
        new Uint32Array([4_000_000_000]),
        new BigInt64Array([-(2n ** 60n)]),
        new BigUint64Array([2n ** 63n]),
        new Float32Array([0.5, NaN]),
        new Float64Array([0.1, -0]),
      ];
      equal(await echoed(subject, values), values);
    },
  },
  {
    name: "an array of any rank comes back as an NdArray",
    run: async (subject) => {
      const { NdArray } = subject.classes;
      const value = new NdArray("<f4", [2, 3], new Float32Array([1, 2, 3, 4, 5, 6]));
      equal(await echoed(subject, value), value);
      const bools = new NdArray("|b1", [2], new Uint8Array([1, 0]));
      equal(await echoed(subject, bools), bools);
      holds(await echoed(subject, value) instanceof NdArray, "its class");
    },
  },
  {
    name: "dates, maps and sets arrive as text, objects and lists",
    run: async (subject) => {
      const date = new Date(0);
      equal(await echoed(subject, { date, map: new Map([["k", 1n]]), set: new Set([1, 2]) }), {
        date: "1970-01-01T00:00:00.000Z",
        map: { k: 1 },
        set: [1, 2],
      });
    },
  },
  {
    name: "an object with the key of tags is an object like any other",
    run: async (subject) => {
      const value = { $snakeden: "float", value: "NaN", more: { $snakeden: 1 } };
      equal(await echoed(subject, value), value);
    },
  },
  {
    name: "bytes of several MiB arrive whole, beside other arguments",
    run: async (subject) => {
      const value = new Uint8Array(7 * 1024 * 1024).map((_, i) => (i * 7) % 251);
      const back = await echoed(subject, value) as Uint8Array;
      equal([back.constructor.name, back.byteLength], ["Uint8Array", value.byteLength]);
      holds(back.every((it, i) => it === value[i]), "every byte");
    },
  },
  {
    name: "what cannot be sent is refused with its path",
    run: async (subject) => {
      const error = await failure(() => echoed(subject, { f: [() => 1] }));
      holds(error instanceof subject.classes.SnakedenError, String(error));
      equal([error.code, error.details], ["invalid_value", { path: "args.value.f[0]" }]);
    },
  },
];
