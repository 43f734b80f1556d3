/** The cases of values, in their own words, with real workers on both carriers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  defineTool,
  isUnserializable,
  type Snakeden,
  SnakedenError,
  type SnakedenOptions,
} from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";

const MIB = 1024 * 1024;

/** The value that `plain` returns. */
const PLAIN = {
  ten: 10,
  one: 1,
  zero: 0,
  yes: true,
  no: false,
  none: null,
  float: 10.5,
  whole: 10,
  big: 2n ** 80n,
  negative: -(2n ** 63n),
  text: "Grüße, 世界 🐍",
  empty: "",
  ключ: [1, true, null, [10, { a: null }]],
} as const;

/** The same as JSON, with every number spelled as in Python. */
const PLAIN_JSON = '{"ten":10,"one":1,"zero":0,"yes":true,"no":false,"none":null,"float":10.5,' +
  `"whole":10.0,"big":${2n ** 80n},"negative":${-(2n ** 63n)},"text":"Grüße, 世界 🐍","empty":"",` +
  '"ключ":[1,true,null,[10,{"a":null}]]}';

async function start(carrier: CarrierKind, options: SnakedenOptions = {}): Promise<Snakeden> {
  return await startDen({ adapter: "values_of_every_door", carrier, size: 1 }, options);
}

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`107. Integers stay integers, None is null, big ints and non-ASCII survive, bool is not int (${carrier})`, async () => {
    await using den = await start(carrier);
    const app = createApp(den, { version: "0" });
    const post = async (tool: string, args: string): Promise<string> => {
      const response = await app.request("/v1/execute", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: `{"tool":"${tool}","args":${args}}`,
      });
      return await response.text();
    };
    // Python has a type for 10.0 of its own, which the number of JavaScript has not.
    const { whole: _, ...exact } = PLAIN;
    assert.deepEqual(await den.execute("plain"), PLAIN);
    assert.deepEqual(await den.execute("differs", { value: exact }), ["whole"]);
    assert.ok((await post("plain", "{}")).startsWith(`{"result":${PLAIN_JSON},`));
    const seen = await post("differs", `{"value":${PLAIN_JSON}}`);
    assert.ok(seen.startsWith('{"result":["whole"],'), seen);
    for (
      const [value, type] of [
        [10, "int"],
        [-0, "float"],
        [10.5, "float"],
        [true, "bool"],
        [null, "NoneType"],
        [2n ** 80n, "int"],
        ["None", "str"],
        ["10", "str"],
      ] as const
    ) {
      assert.equal(await den.execute("type_of", { value }), type);
    }
    assert.equal(await den.execute("type_of", { value: undefined }), "str", "the default");
    // Neither is converted to the other, nor to text.
    for (
      const [tool, value] of [
        ["an_int", true],
        ["an_int", "10"],
        ["an_int", null],
        ["an_int", 10.5],
        ["a_bool", 1],
        ["a_bool", "true"],
        ["a_text", null],
        ["a_text", 10],
      ] as const
    ) {
      const { code, message } = await errorOf(den.execute(tool, { value }));
      assert.equal(code, "invalid_arguments", `${tool} ${value}`);
      assert.match(message, /args\.value/);
    }
    assert.equal(await den.execute("an_int", { value: 10 }), "int");
    assert.equal(await den.execute("a_bool", { value: true }), "bool");
    assert.equal(await den.execute("a_text", { value: PLAIN.text }), PLAIN.text);
  });

  Deno.test(`108. Unserializable leaf, nested or top level, becomes a marker; repr is not called (${carrier})`, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "asked");
    const echo = defineTool({ name: "echo", expose: "all", run: (args) => args });
    await using den = await start(carrier, { hostTools: [echo] });
    const marker = { $snakeden: "unserializable", type: "values_of_every_door.Loud" };
    const top = await den.execute("loud", { path });
    assert.deepEqual(top, marker);
    assert.ok(isUnserializable(top));
    const nested = { a: [1, marker], b: [marker] };
    assert.deepEqual(await den.execute("loud", { path, nest: true }), nested);
    const stream = den.stream("loud_chunks", { path });
    const events = await Array.fromAsync(stream.events());
    const valuesOf = (wanted: string): unknown[] =>
      events.filter(({ type }) => type === wanted).map(({ value }) => value.decode());
    assert.deepEqual(valuesOf("chunk"), [marker, [marker]]);
    assert.deepEqual(valuesOf("progress"), [{ fraction: 0.5, message: "half", value: marker }]);
    assert.deepEqual(valuesOf("done"), [marker]);
    assert.deepEqual(await den.execute("loud_to_host", { path }), {
      top: marker,
      nested: [marker],
    });
    const app = createApp(den, { version: "0" });
    const response = await app.request("/v1/execute", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool: "loud", args: { path } }),
    });
    assert.deepEqual((await response.json()).result, marker);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound, "nobody has asked for its text");
  });

  Deno.test(`110. Array above the element guard is not expanded (${carrier})`, async () => {
    const limits = { maxListItems: 10, maxResultBytes: MIB };
    await using den = await start(carrier, { limits });
    const asList = { arrays: "list" } as const;
    const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    assert.deepEqual(await den.execute("numbers", { kind: "dense", count: 10 }, asList), ten);
    const guarded = /at least \d+ numbers.*at most 10 .*limits\.maxListItems/;
    for (const [kind, count] of [["dense", 11], ["two", 6], ["broadcast", 11]] as const) {
      const args = { kind, count };
      for (
        const work of [
          () => den.execute("numbers", args, asList),
          () => den.execute("chunks_of_numbers", args, asList),
          () => Array.fromAsync(den.stream("chunks_of_numbers", args, asList)),
        ]
      ) {
        const { code, message } = await errorOf(work());
        assert.equal(code, "result_too_large", kind);
        assert.match(message, guarded);
      }
      await den.execute("numbers", args);
    }
    // A value that takes no memory is refused before it takes some.
    const [worker] = den.workers.list();
    await den.execute("numbers", { kind: "pandas", count: 3 });
    const before = await den.execute<number>("peak_rss_bytes");
    for (const kind of ["broadcast", "text", "range", "pandas"]) {
      const args = { kind, count: 10_000_000 };
      for (const options of [{}, asList]) {
        const { code, message } = await errorOf(den.execute("numbers", args, options));
        assert.equal(code, "result_too_large", kind);
        assert.match(message, /at least \d+ (bytes|numbers)/);
      }
    }
    const grownBytes = await den.execute<number>("peak_rss_bytes") - before;
    assert.ok(grownBytes < 32 * MIB, `the worker has grown by ${grownBytes} bytes`);
    assert.equal(den.workers.list()[0]?.pid, worker?.pid);
  });
}
