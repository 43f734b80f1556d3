import assert from "node:assert/strict";
import fc from "fast-check";
import { SnakedenError } from "../../mod.ts";
import { ADAPTERS, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";

const CARRIERS = ["socket", "grpc"] as const;
const BOUNDS = { numRuns: 40 };

/** Numbers of every magnitude, and those at the limits of a double, a JSON text and an int64. */
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.double({ min: 2 ** 52, max: 1e22 }),
  fc.constantFrom(
    ...[2 ** 53, 2 ** 53 + 2, 2 ** 63, 2 ** 64, 1e20, 1e21, 1e22, 5e-324, 1.7976931348623157e308],
    ...[2.2250738585072014e-308, 0.1, 1 / 3, -0, NaN, Infinity, 123456789.12345678],
  ),
);

const anyInteger = fc.oneof(
  fc.bigInt({ min: -(2n ** 130n), max: 2n ** 130n }),
  fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
  fc.constantFrom(0n, 2n ** 53n, 2n ** 63n, 2n ** 64n, -(2n ** 63n), 10n ** 400n, 10n ** 5000n),
);

function isWhole(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 1e21 && !Object.is(value, -0);
}

for (const carrier of CARRIERS) {
  Deno.test(`Snakeden.execute() carries every number to Python and back over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "values_echo", size: 1, carrier });
    await fc.assert(
      fc.asyncProperty(fc.array(anyNumber), fc.array(anyInteger), async (numbers, integers) => {
        const { repr } = await den.execute<{ repr: string }>("describe", { value: numbers });
        const seen = repr.slice(1, -1).split(", ").filter((it) => it !== "");
        numbers.forEach((number, i) => {
          const text = seen[i] ?? "";
          if (isWhole(number)) assert.equal(text, String(BigInt(number)));
          else {
            const spelled = text.replace("inf", "Infinity").replace("nan", "NaN");
            assert.ok(Object.is(Number(spelled), number), `${text} is not ${number}`);
          }
        });
        const back = await den.execute("echo", { value: { numbers, integers } });
        assert.deepStrictEqual(back, {
          numbers: numbers.map((it) => isWhole(it) && !Number.isSafeInteger(it) ? BigInt(it) : it),
          integers: integers.map((it) => Number.isSafeInteger(Number(it)) ? Number(it) : it),
        });
      }),
      BOUNDS,
    );
  });

  Deno.test(`Snakeden.execute() fails only that call when its buffer is transferred while it waits, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "values_echo", size: 1, carrier });
    await den.execute("echo", {});
    let failed = 0;
    for (const length of [16, 100_000]) {
      const buffers = Array.from({ length: 20 }, () => new Uint8Array(length).fill(1));
      const calls = buffers.map((value) => den.execute("describe", { value }));
      // Some calls are on their way, others are in the queue.
      for (const { buffer } of buffers.filter((_, i) => i % 2 === 1)) {
        structuredClone(buffer, { transfer: [buffer] });
      }
      const ends = await Promise.allSettled(calls);
      ends.forEach((end, i) => {
        if (end.status === "fulfilled") {
          assert.deepStrictEqual(end.value, { type: "bytes", length, sum: length });
        } else {
          failed++;
          assert.equal(i % 2, 1, String(end.reason));
          assert.ok(end.reason instanceof SnakedenError);
          assert.equal(end.reason.code, "invalid_value");
          assert.match(end.reason.message, /a buffer was transferred or made smaller/);
        }
      });
    }
    assert.ok(failed > 0);
    assert.equal(await den.execute("echo", { value: "still here" }), "still here");
    assert.equal(den.pools.list()[0]?.stats.crashed ?? 0, 0);
  });

  Deno.test(`Snakeden.stream() yields the items of any announced iterator, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "iterators", size: 1, carrier });
    for (const tool of ["as_map", "as_object", "from_coroutine", "async_object"]) {
      assert.deepStrictEqual(await Array.fromAsync(den.stream(tool, { n: 3 })), [0, 1, 2], tool);
      assert.deepStrictEqual(await den.execute(tool, { n: 3 }), [0, 1, 2], tool);
    }
  });

  Deno.test(`Snakeden.stream() yields the one result of a tool that does not stream, over ${carrier}`, async () => {
    await using den = await startDen({ adapter: "iterators", size: 1, carrier });
    const stream = den.stream("undeclared_map", { n: 3 });
    assert.deepStrictEqual(await Array.fromAsync(stream), [[0, 1, 2]]);
    assert.deepStrictEqual(await stream.result, [0, 1, 2]);
    assert.deepStrictEqual(await den.execute("undeclared_map", { n: 3 }), [0, 1, 2]);
    const events = await Array.fromAsync(den.stream("undeclared_map", { n: 3 }).events());
    assert.deepStrictEqual(events.map(({ type }) => type), ["done"]);
    // A generator that yields nothing is empty.
    assert.deepStrictEqual(await Array.fromAsync(den.stream("as_map", { n: 0 })), []);
  });
}

/** Spellings of numbers as clients send them. */
const spelledInteger = fc.tuple(anyInteger, fc.constantFrom("", " ")).map(([it, pad]) =>
  `${pad}${it}${pad}`
);
const spelledFloat = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((it) => String(it)),
  fc.tuple(fc.nat(9), fc.stringMatching(/^[0-9]{17,40}$/), fc.integer({ min: -300, max: 290 }))
    .map(([digit, digits, exponent]) => `${digit}.${digits}e${exponent}`),
).filter((it) => /[.e]/.test(it));

Deno.test("POST /v1/execute carries every number to Python and back without changing its value", async () => {
  await using dir = await tempDir();
  const config = {
    pools: [{ name: "default", size: 1, adapter: "values_echo", modulePaths: [ADAPTERS] }],
  };
  await Deno.writeTextFile(`${dir.path}/snakeden.config.json`, JSON.stringify(config));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: `${dir.path}/snakeden.config.json` },
  });
  const call = async (tool: string, value: string): Promise<string> => {
    const response = await fetch(`${server.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"tool":"${tool}","args":{"value":${value}}}`,
    });
    return await response.text();
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(spelledInteger, { minLength: 1 }),
      fc.array(spelledFloat, { minLength: 1 }),
      async (integers, floats) => {
        const value = `{"nested":[[${integers}],[${floats}]]}`;
        // With and without a neighbour that JSON cannot express.
        for (const beside of ["1", '{"$snakeden":"bytes","base64":"AQ=="}']) {
          const answer = await call("echo", `[${value},${beside}]`);
          const nested = /"nested":\[\[([^\]]*)\],\[([^\]]*)\]\]/.exec(answer);
          assert.ok(nested, answer);
          assert.equal(nested[1], integers.map((it) => it.trim()).join(","));
          const back = (nested[2] ?? "").split(",");
          back.forEach((text, i) => assert.equal(Number(text), Number(floats[i])));
          for (const text of back) {
            // Digits alone are an integer, which Python reads exactly.
            if (/^-?\d+$/.test(text)) assert.equal(BigInt(text), BigInt(Number(text)));
          }
        }
      },
    ),
    BOUNDS,
  );
  const problem = JSON.parse(await call("echo", '{"a":[1,1e400]}'));
  assert.equal(problem.code, "invalid_input");
  assert.match(problem.detail ?? problem.message, /args\.value\.a\[1\].*beyond the largest float/);
});
