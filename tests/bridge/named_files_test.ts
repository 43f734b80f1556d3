/** Tests of the objects in arguments that name files: found, refused, and replaced. */
import assert from "node:assert/strict";
import { findFiles, mayNameFiles, Value } from "../../src/bridge/mod.ts";
import { InvalidInputError } from "../../src/errors.ts";

const FILES = { given: Value.from(null), hold: () => {}, release: () => {} };

function leaves(value: Value): unknown {
  const named = findFiles(value, "args");
  assert(named);
  return JSON.parse(named.withLeaves((id) => ({ id, path: `/run/${id}` }), FILES).text);
}

function received(text: string, tagged = false): Value {
  return new Value({ json: new TextEncoder().encode(text), tagged });
}

function issuesOf(value: Value): unknown {
  try {
    findFiles(value, "args");
  } catch (error) {
    assert(error instanceof InvalidInputError);
    return error.issues;
  }
  throw new Error("it was not refused");
}

Deno.test("files are found at any depth, with their paths, each id once", () => {
  const value = Value.from({
    a: { $file: "f1" },
    rows: [{ picture: { $file: "f2" } }, [{ $file: "f1" }]],
    other: 1,
  });
  const named = findFiles(value, "args");
  assert.deepEqual(named?.ids, ["f1", "f2"]);
  assert.deepEqual(named?.places.map(({ path, id }) => [path, id]), [
    ["args.a", "f1"],
    ["args.rows[0].picture", "f2"],
    ["args.rows[1][0]", "f1"],
  ]);
  assert.equal(named?.placeOf("f2"), "args.rows[0].picture");
});

Deno.test("a leaf stands in place of each file, and everything else keeps its spelling", () => {
  const text = '{"n":1.0,"big":12345678901234567890,"f":{"$file":"f1","name":"a.csv","bytes":3}}';
  const named = findFiles(received(text), "args");
  const replaced = named?.withLeaves((id) => ({ id }), FILES);
  assert.equal(
    replaced?.text,
    '{"n":1.0,"big":12345678901234567890,"f":{"$snakeden":"file","id":"f1"}}',
  );
  assert.equal(replaced?.content.tagged, true);
  assert.equal(replaced?.files, FILES);
  assert.equal(replaced?.given, FILES.given);
});

Deno.test("buffers and tags stay where they are", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const value = Value.from({ bytes, big: 2n ** 60n, nan: NaN, file: { $file: "f1" } });
  assert.deepEqual(leaves(value), {
    bytes: { $snakeden: "bytes", buffer: 0 },
    big: { $snakeden: "int", value: String(2n ** 60n) },
    nan: { $snakeden: "float", value: "NaN" },
    file: { $snakeden: "file", id: "f1", path: "/run/f1" },
  });
  assert.deepEqual(value.content.buffers, [bytes]);
});

Deno.test("a text that looks like the key is no file", () => {
  for (const given of [{ a: '"$file"' }, { a: "$file" }, { a: ["$file"] }, { $files: "x" }, {}]) {
    const value = Value.from(given);
    assert.equal(findFiles(value, "args"), undefined, JSON.stringify(given));
    assert.equal(findFiles(received(JSON.stringify(given)), "args"), undefined);
  }
});

Deno.test("the search sees a key in texts and in bytes, wherever it is", () => {
  const padding = ["", "x", "$", '"$fil', "$$$$", "é$"];
  for (const before of padding) {
    const text = JSON.stringify({ before, f: { $file: "f1" } });
    assert.equal(mayNameFiles(received(text)), true, before);
    assert.equal(mayNameFiles(Value.from(JSON.parse(text))), true, before);
    assert.equal(mayNameFiles(received(JSON.stringify({ before }))), false, before);
  }
  assert.equal(mayNameFiles(received('"$file')), false);
  assert.equal(mayNameFiles(received('$file"')), false);
});

Deno.test("an escaped object with the key is no file, but those in it are", () => {
  const value = Value.fromJsonTree({
    a: { $snakeden: "object", value: { $file: "x", in: { $file: "f1" } } },
    b: { $snakeden: "object", value: { $snakeden: 1, $file: 2 } },
  });
  assert.deepEqual(findFiles(value, "args")?.places.map(({ path }) => path), ["args.a.in"]);
});

Deno.test("wrong forms are refused, all of them, with the path of the field", () => {
  const allowedKeys = 'allowed: { "$file": id }, with name and bytes as results have them';
  const rule = "allowed: the id of a file, 1 to 128 letters, digits or . _ : -";
  assert.deepEqual(
    issuesOf(Value.from({
      a: { $file: "f1", more: 1 },
      b: [{ $file: 7 }],
      c: { $file: "" },
      d: { $file: "../../etc/passwd" },
      e: { $file: null },
      f: { $file: { $file: "f1" } },
      g: { $file: "f1", name: "a", bytes: 1 },
    })),
    [
      { path: "args.a", message: `given the key "more" beside $file; ${allowedKeys}` },
      { path: "args.b[0].$file", message: `given 7; ${rule}` },
      { path: "args.c.$file", message: `given ""; ${rule}` },
      { path: "args.d.$file", message: `given "../../etc/passwd"; ${rule}` },
      { path: "args.e.$file", message: `given null; ${rule}` },
      { path: "args.f.$file", message: `given {"$file":"f1"}; ${rule}` },
    ],
  );
});

Deno.test("a file is not the whole of the arguments", () => {
  assert.deepEqual(issuesOf(Value.from({ $file: "f1" })), [{
    path: "args",
    message: "given a file; allowed: an object of arguments by name, whose values may be files",
  }]);
});

Deno.test("a client cannot send the leaf of a file itself", () => {
  const leaf = { $snakeden: "file", id: "f1", path: "/etc/passwd" };
  assert.throws(
    () => Value.fromJsonTree({ a: leaf }),
    { code: "invalid_value", message: /the tag "file" is unknown/ },
  );
  // A program's own object with the key is escaped, and arrives as an object.
  assert.deepEqual(JSON.parse(Value.from({ a: leaf }).text), {
    a: { $snakeden: "object", value: leaf },
  });
});

Deno.test("descriptions of files stand in place of files for host tools", () => {
  const named = findFiles(Value.from({ a: { $file: "f1" }, n: 2n ** 60n }), "");
  assert.deepEqual(named?.places.map(({ path }) => path), ["a"]);
  assert.deepEqual(named?.withObjects((id) => ({ id, bytes: 3 })).decode(), {
    a: { id: "f1", bytes: 3 },
    n: 2n ** 60n,
  });
});

Deno.test("a search ends early in a value with too many places, or too many wrong ones", () => {
  const places = (length: number, id: unknown): Value =>
    Value.from({ rows: Array.from({ length }, () => ({ $file: id })) });
  assert.equal(findFiles(places(10_000, "f1"), "args")?.places.length, 10_000);
  assert.deepEqual(issuesOf(places(50_000, "f1")), [{
    path: "args.rows[10000]",
    message: "given more than 10000 places of files; allowed: 10000",
  }]);
  const issues = issuesOf(places(50_000, 5)) as { path: string }[];
  assert.deepEqual([issues.length, issues.at(-1)?.path], [100, "args.rows[99].$file"]);
});
