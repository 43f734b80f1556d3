import assert from "node:assert/strict";
import fc from "fast-check";
import { InvalidInputError } from "../../../src/errors.ts";
import { boundaryOf, parseMultipart } from "../../../src/routes/http/mod.ts";

const encoder = new TextEncoder();

async function parse(body: string | Uint8Array<ArrayBuffer>, boundary = "B"): Promise<unknown[]> {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const parts = await parseMultipart(bytes, boundary);
  return parts.map(({ name, isFile, type, bytes }) => [
    name,
    isFile,
    type,
    new TextDecoder().decode(bytes),
  ]);
}

async function refusal(work: () => unknown): Promise<{ path: string; message: string }> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof InvalidInputError, String(error));
    const [issue] = error.issues;
    assert.ok(issue !== undefined);
    return issue;
  }
  throw new Error("It was not refused");
}

function part(headers: string, content = "x"): string {
  return `--B\r\n${headers}\r\n\r\n${content}\r\n`;
}

function named(name: string, content = "x"): string {
  return part(`Content-Disposition: form-data; name="${name}"`, content);
}

Deno.test("parseMultipart() returns names, files, types and bytes", async () => {
  const body = "preamble\r\n" + named("a", "1") +
    part(
      'content-disposition: form-data; name="b c"; filename="x;y.png"\r\nContent-Type: image/PNG; q=1',
      "\r\n--Bx\r\n--\r\n",
    ) + named("empty", "") + "--B--\r\nepilogue";
  assert.deepEqual(await parse(body), [
    ["a", false, undefined, "1"],
    ["b c", true, "image/png", "\r\n--Bx\r\n--\r\n"],
    ["empty", false, undefined, ""],
  ]);
  assert.deepEqual(await parse("--B--"), []);
  assert.deepEqual(await parse(`${named("a").replace("--B", "--B \t")}--B-- `), [
    ["a", false, undefined, "x"],
  ]);
});

Deno.test("parseMultipart() reads the names that browsers and other clients escape", async () => {
  assert.deepEqual(await parse(`${named("%22a%0D%0A")}--B--`), [['"a\r\n', false, undefined, "x"]]);
  assert.deepEqual(await parse(`${named("\\")}--B--`), [["\\", false, undefined, "x"]]);
  assert.deepEqual(await parse(`${part("content-disposition:form-data;name=ü")}--B--`), [
    ["ü", false, undefined, "x"],
  ]);
});

Deno.test("parseMultipart() reads what the runtime writes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.uint8Array()), { maxLength: 5 }),
      async (fields) => {
        const form = new FormData();
        for (const [name, bytes] of fields) {
          form.append(name, new Blob([new Uint8Array(bytes)]), "f");
        }
        const request = new Request("http://localhost", { method: "POST", body: form });
        const type = request.headers.get("content-type") ?? "";
        const parts = await parseMultipart(await request.bytes(), boundaryOf(type));
        // A name that holds such an escape itself cannot be told from an escaped one.
        const expected = [...form].map(([name]) =>
          name.replaceAll(/\r\n|\r|\n/g, "\r\n")
            .replaceAll(/%22/g, '"').replaceAll(/%0d/gi, "\r").replaceAll(/%0a/gi, "\n")
        );
        assert.deepEqual(parts.map(({ name }) => name), expected);
        assert.deepEqual(
          parts.map(({ bytes }) => [...bytes]),
          fields.map(([, bytes]) => [...bytes]),
        );
      },
    ),
  );
});

const CASES: [what: string, body: string, path: string, message: RegExp][] = [
  ["another boundary", "--C\r\n", "", /"B" of the header is not in the body/],
  ["an empty body", "", "", /is not in the body/],
  ["a part without a disposition", part("x: y"), "part 1", /no header content-disposition/],
  ["a part without a name", part("content-disposition: form-data"), "part 1", /no name/],
  ["an empty name", named(""), "part 1", /no name/],
  ["a disposition that is no form", part('content-disposition: file; name="a"'), "part 1", /form-/],
  ["an open quote", part('content-disposition: form-data; name="a'), "part 1", /no header/],
  [
    "filename*",
    part("content-disposition: form-data; name=a; filename*=UTF-8''x"),
    "a",
    /filename\*/,
  ],
  [
    "base64",
    part("content-disposition: form-data; name=a\r\ncontent-transfer-encoding: base64"),
    "a",
    /base64/,
  ],
  ["two names", part("content-disposition: form-data; name=a; name=b"), "part 1", /no header/],
  [
    "two dispositions",
    part("content-disposition: form-data; name=a\r\ncontent-disposition: x"),
    "part 1",
    /two headers/,
  ],
  ["a line that is no header", part("content-disposition"), "part 1", /is no header/],
  ["a body cut off in headers", "--B\r\ncontent-dispo", "part 1", /cut off/],
  ["a body cut off in a part", named("a").slice(0, -2), "a", /cut off/],
  ["a body cut off behind a part", `${named("a")}--B`, "a", /cut off/],
  ["headers of 1 MB", part(`x: ${"y".repeat(1_000_000)}`), "part 1", /more than 8192 bytes/],
  ["10,000 parts", `${named("a").repeat(10_000)}--B--`, "", /more than 1000 parts/],
];

for (const [what, body, path, message] of CASES) {
  Deno.test(`parseMultipart() refuses ${what}, and names the place`, async () => {
    const issue = await refusal(() => parse(body));
    assert.equal(issue.path, path);
    assert.match(issue.message, message);
  });
}

Deno.test("boundaryOf() takes a boundary in both forms, and refuses every other one", async () => {
  assert.equal(boundaryOf("multipart/form-data; boundary=a-b"), "a-b");
  assert.equal(boundaryOf('Multipart/Form-Data; charset=x; BOUNDARY="a b"'), "a b");
  for (
    const it of ["", "; boundary=", `; boundary=${"x".repeat(71)}`, '; boundary="a "', "; b=c"]
  ) {
    const issue = await refusal(() => boundaryOf(`multipart/form-data${it}`));
    assert.equal(issue.path, "content-type");
  }
});

Deno.test("parseMultipart() gives others a turn while it searches a large body", async () => {
  const head = named("a", "").slice(0, -2);
  // Each byte may begin a delimiter, which is the slowest body there is.
  const content = "\r".repeat(8_000_000);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const [first] = await parseMultipart(encoder.encode(`${head}${content}\r\n--B--`), "B");
  clearInterval(timer);
  assert.equal(first?.bytes.byteLength, content.length);
  assert.ok(turns > 0);
});
