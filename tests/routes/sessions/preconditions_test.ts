import assert from "node:assert/strict";
import { InvalidInputError } from "../../../src/errors.ts";
import { etagOf, isMet, readPreconditions } from "../../../src/routes/sessions/preconditions.ts";

function met(headers: Record<string, string>, version: number | undefined): boolean {
  return isMet(readPreconditions(new Headers(headers)), version);
}

Deno.test("isMet() is true for every version without a header", () => {
  assert.deepEqual([met({}, 3), met({}, undefined)], [true, true]);
});

Deno.test("isMet() compares If-Match strongly", () => {
  for (
    const [header, version, expected] of [
      ['"3"', 3, true],
      ['"3"', 4, false],
      ['"3"', undefined, false],
      ['"2", "3"', 3, true],
      [' "2" ,, "3" ', 3, true],
      ['"2","4"', 3, false],
      ["*", 3, true],
      ["*", undefined, false],
      ['W/"3"', 3, false],
      ['W/"3", "3"', 3, true],
      ['""', 3, false],
      ['"03"', 3, false],
      ['"an-other-tag"', 3, false],
    ] as const
  ) {
    assert.equal(met({ "if-match": header }, version), expected, `${header} and ${version}`);
  }
});

Deno.test("isMet() compares If-None-Match weakly", () => {
  for (
    const [header, version, expected] of [
      ["*", 3, false],
      ["*", undefined, true],
      ['"3"', 3, false],
      ['W/"3"', 3, false],
      ['"4", W/"5"', 3, true],
      ['"3"', undefined, true],
    ] as const
  ) {
    assert.equal(met({ "if-none-match": header }, version), expected, `${header} and ${version}`);
  }
});

Deno.test("isMet() needs both headers to be met", () => {
  assert.equal(met({ "if-match": '"3"', "if-none-match": '"4"' }, 3), true);
  assert.equal(met({ "if-match": '"3"', "if-none-match": "*" }, 3), false);
});

Deno.test("readPreconditions() refuses what is no list of entity tags, and names the header", () => {
  const long = `"${"3".repeat(10_000)}"`;
  for (const header of ["3", '"3', "'3'", '"3" "4"', '*, "3"', "", ",", 'w/"3"', '"\t"', long]) {
    for (const name of ["if-match", "if-none-match"]) {
      const headers = new Headers({ [name]: header });
      assert.throws(() => readPreconditions(headers), (error) => {
        assert.ok(error instanceof InvalidInputError);
        assert.deepEqual(error.issues.map(({ path }) => path), [name]);
        assert.match(error.message, /allowed: versions in double quotes, such as "3"/);
        return true;
      }, `${name}: ${header}`);
    }
  }
});

Deno.test("etagOf() quotes the version", () => {
  assert.equal(etagOf(3), '"3"');
});
