import type { Args } from "../../../src/client/mod.ts";
import { all, equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

/** Items of `add`, of which the first has this number. */
function* sums(count: number): Generator<Args> {
  for (let a = 0; a < count; a++) yield { a, b: 1 };
}

/** Maps. */
export const MAP_CASES: readonly Case[] = [
  {
    name: "map() gives the results of all items, in their order or as they end",
    run: async ({ den }) => {
      const expected = Array.from({ length: 3_000 }, (_, i) => i + 1);
      equal(await den.map<number>("add", sums(3_000)), expected);
      equal(await all(den.map<number>("add", [...sums(3_000)])), expected);
      const others = await den.map<number>("add", sums(3_000), { ordered: false, window: 3 });
      equal(others.sort((a, b) => a - b), expected);
      equal(await den.map("add", []), []);
    },
  },
  {
    name: "executeMany() gives what came of each item",
    run: async ({ den, classes }) => {
      const items = [{ a: 1, b: 2 }, { a: "one", b: 2 }, 7, { a: Symbol("s") }, { a: 3, b: 4 }];
      const outcomes = await den.executeMany<number>("add", items as Args[]);
      equal(outcomes.map(({ error, result }) => error?.code ?? result), [
        3,
        "invalid_arguments",
        "invalid_input",
        "invalid_value",
        7,
      ]);
      equal(outcomes.map(({ index }) => index), [0, 1, 2, 3, 4]);
      holds(outcomes[1]?.error instanceof classes.SnakedenError, "the class of an error");
    },
  },
  {
    name: "map() throws the first error of an item, with its index",
    run: async ({ den, classes }) => {
      const items = [...sums(20), { a: "one", b: 2 }, ...sums(20)];
      const results: unknown[] = [];
      const error = await failure(async () => {
        for await (const it of den.map("add", items)) results.push(it);
      });
      holds(error instanceof classes.SnakedenError, String(error));
      const { index } = error["details"] as Record<string, unknown>;
      equal([error["code"], index], ["invalid_arguments", 20]);
      equal(results.length, 20);
    },
  },
  {
    name: "map() sends bytes and large integers, and gives them back",
    run: async ({ den }) => {
      const values = [new Uint8Array([1, 2]), 2n ** 70n, { $snakeden: "a key" }, null];
      const items = values.map((value) => ({ value }));
      equal(await den.map("echo", items), values);
    },
  },
  {
    name: "map() fails with the error for which nothing runs, or that of its iterable",
    run: async ({ den, classes }) => {
      const missing = await failure(() => all(den.map("no_such_tool", sums(3))));
      holds(missing instanceof classes.SnakedenError, String(missing));
      equal(missing["code"], "unknown_tool");
      const window = await failure(() => all(den.map("add", sums(3), { window: 0 })));
      holds(window instanceof classes.InvalidInputError, String(window));
      const issues = window["issues"] as { readonly path: string }[];
      equal(issues.map(({ path }) => path), ["window"]);
      function* broken(): Generator<Args> {
        yield* sums(3);
        throw new RangeError("no further items");
      }
      holds(await failure(() => all(den.map("add", broken()))) instanceof RangeError, "its error");
      const map = den.map("add", sums(2));
      equal(await map, [1, 2]);
      holds(await failure(() => all(map)) instanceof TypeError, "read twice");
    },
  },
  {
    name: "a reader that leaves a map ends its iterable",
    run: async ({ den, sendsStreams }) => {
      let isClosed = false;
      function* endless(): Generator<Args> {
        try {
          for (let a = 0; sendsStreams || a < 1_000; a++) yield { a, b: 1 };
        } finally {
          isClosed = true;
        }
      }
      for await (const sum of den.map<number>("add", endless())) if (sum === 500) break;
      equal(await den.execute("add", { a: 1, b: 1 }), 2);
      holds(isClosed, "the iterable is closed");
    },
  },
];
