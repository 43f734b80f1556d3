import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type FileBytes,
  FileFault,
  type Format,
  openItems,
  type OpenItemsOptions,
  type ReadItem,
} from "../../../src/jobs/batches/inputs/mod.ts";

const encoder = new TextEncoder();

/** Returns a file whose stream has chunks of this length. */
function fileOf(content: string | Uint8Array, chunk = 7): FileBytes & { read: number } {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  const file = {
    bytes: bytes.byteLength,
    read: 0,
    open: (start: number) =>
      Promise.resolve((async function* (): AsyncGenerator<Uint8Array> {
        for (let at = start; at < bytes.byteLength; at += chunk) {
          const part = bytes.slice(at, at + chunk);
          file.read += part.byteLength;
          yield part;
          await Promise.resolve();
        }
      })()),
  };
  return file;
}

async function itemsOf(
  file: FileBytes,
  format: Format,
  options: Partial<OpenItemsOptions> = {},
): Promise<ReadItem[]> {
  return (await Array.fromAsync(openItems(file, { format, maxItemBytes: 10_000, ...options })))
    .flat();
}

/** Returns the values of items, or what is wrong with them. */
function valuesOf(items: readonly ReadItem[]): unknown[] {
  return items.map(({ json, problem }) => json === undefined ? problem : JSON.parse(json));
}

async function values(content: string | Uint8Array, format: Format): Promise<unknown[]> {
  return valuesOf(await itemsOf(fileOf(content), format));
}

Deno.test("openItems() reads lines of JSON as they stand, without the empty ones", async () => {
  const text = '\ufeff{"a":1}\r\n\n  \n[12345678901234567890, 1.0]\n"é"';
  const items = await itemsOf(fileOf(text), "ndjson");
  assert.deepEqual(items.map(({ json }) => json), [
    '{"a":1}',
    "[12345678901234567890, 1.0]",
    '"é"',
  ]);
});

Deno.test("openItems() names the line of an item that is no JSON, or not UTF-8", async () => {
  const bytes = encoder.encode('1\n\n{"a":\n"?"\n"\ufffd"\n');
  bytes[bytes.indexOf(0x3f)] = 0xff;
  const [one, broken, fault, replacement] = await values(bytes, "ndjson");
  assert.equal(one, 1);
  assert.match(String(broken), /^line 3: it is no JSON: /);
  assert.equal(fault, "line 4: it is not UTF-8");
  assert.equal(replacement, "\ufffd");
});

Deno.test("openItems() reads lines of text, with any white space", async () => {
  assert.deepEqual(await values(' a \n\n\t\r\n"b"\n', "lines"), [" a ", "\t", '"b"']);
  assert.deepEqual(await values("", "lines"), []);
});

Deno.test("openItems() reads a table with quoted fields, CRLF and a byte order mark", async () => {
  const text = '\ufeffa,"b ""x""",c\r\n1,"two\r\nlines, and ""quotes""",\r\n\r\n"",5" pipe,ü\n';
  assert.deepEqual(await values(text, "csv"), [
    { a: "1", 'b "x"': 'two\r\nlines, and "quotes"', c: "" },
    { a: "", 'b "x"': '5" pipe', c: "ü" },
  ]);
  assert.deepEqual(await values("a\n", "csv"), []);
  assert.deepEqual(await values("__proto__,toString\n1,2", "csv"), [
    JSON.parse('{"__proto__":"1","toString":"2"}'),
  ]);
});

Deno.test("openItems() names the line of a row that does not fit the header", async () => {
  const text = 'a,b\n1\n"x\ny",2,3\n"z"q,4\n5,6\n';
  assert.deepEqual(await values(text, "csv"), [
    "line 2: given 1 field; allowed: 2, as the header has",
    "line 3: given 3 fields; allowed: 2, as the header has",
    "line 5: column 1 has text behind its closing quote",
    { a: "5", b: "6" },
  ]);
});

Deno.test("openItems() refuses a file that is no table, with the line", async () => {
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
  const wrong = [
    ["", 1, /given an empty file/],
    ["\n\r\n", 1, /given an empty file/],
    ["a,b,a\n", 1, /two columns with the name "a"/],
    ["\na,,b\n", 2, /no name for column 2/],
    ["a\0,b\n", 1, /NUL character/],
    [png, 1, /not UTF-8/],
    ['a,b\n1,2\n3,"x\ny\n', 3, /a quoted field that begins in this row does not end/],
    ['"a,b\n', 1, /does not end/],
  ] as const;
  for (const [content, line, message] of wrong) {
    const error = await itemsOf(fileOf(content), "csv").then(() => undefined, (it) => it);
    assert.ok(error instanceof FileFault, String(error));
    assert.equal(error.line, line);
    assert.match(error.message, message);
  }
});

Deno.test("openItems() refuses an item that is longer than allowed, and keeps no more of it", async () => {
  const long = "x".repeat(1_000_000);
  for (
    const [format, content] of [
      ["lines", `a\n${long}\n`],
      ["ndjson", `1\n"${long}"\n`],
      ["csv", `a\n1\n"${long.replaceAll("xxxx", "xx\n")}"\n`],
    ] as const
  ) {
    const file = fileOf(content, 1_000);
    await assert.rejects(itemsOf(file, format), {
      name: "Error",
      message: /more than 10000 bytes/,
    });
    assert.ok(file.read < 500_000, `${format}: read ${file.read} bytes`);
  }
});

const cell = fc.stringMatching(/^[a-z,"\r\n é😀]{0,6}$/u);
const table = fc.integer({ min: 1, max: 4 }).chain((columns) =>
  fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 30 })
);

/** Writes a table as RFC 4180 says. */
function csvOf(rows: readonly (readonly string[])[], { crlf, quotesAll }: {
  readonly crlf: boolean;
  readonly quotesAll: boolean;
}): string {
  const field = (it: string): string =>
    quotesAll || it === "" || /[",\r\n]/.test(it) ? `"${it.replaceAll('"', '""')}"` : it;
  return rows.map((row) => row.map(field).join(",")).join(crlf ? "\r\n" : "\n");
}

const written = fc.record({
  rows: table,
  crlf: fc.boolean(),
  quotesAll: fc.boolean(),
  chunk: fc.integer({ min: 1, max: 50 }),
});

Deno.test("openItems() reads any table as it was written, and again from any of its rows", async () => {
  await fc.assert(
    fc.asyncProperty(written, async ({ rows, chunk, ...style }) => {
      const names = (rows[0] ?? ["a"]).map((_, i) => `n${i}`);
      const file = fileOf(csvOf([names, ...rows], style), chunk);
      const items = await itemsOf(file, "csv");
      assert.deepEqual(
        valuesOf(items),
        rows.map((row) => Object.fromEntries(row.map((it, i) => [`n${i}`, it]))),
      );
      for (const [i, { place }] of items.entries()) {
        const again = await itemsOf(file, "csv", { from: place });
        assert.deepEqual(valuesOf(again), valuesOf(items.slice(i)));
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("openItems() reads the bytes from a place on alone", async () => {
  const lines = Array.from({ length: 200_000 }, (_, i) => `{"i":${i}}`);
  const file = fileOf(lines.join("\n"), 16_384);
  const items = await itemsOf(file, "ndjson");
  assert.equal(items.length, 200_000);
  const place = items[190_000]?.place;
  file.read = 0;
  const rest = await itemsOf(file, "ndjson", { ...(place && { from: place }) });
  assert.deepEqual(valuesOf(rest)[0], { i: 190_000 });
  assert.equal(rest.length, 10_000);
  assert.ok(file.read < 300_000, `read ${file.read} of ${file.bytes} bytes`);
});
