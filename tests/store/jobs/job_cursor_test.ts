import assert from "node:assert/strict";
import { InvalidInputError } from "../../../src/errors.ts";
import { jobCursor, type JobFilter, readJobCursor } from "../../../src/store/mod.ts";

Deno.test("a cursor is good for filters that choose the same jobs", () => {
  const filter: JobFilter = { states: ["available", "running"], tags: ["a", "b"], createdFrom: 5 };
  const cursor = jobCursor("list", filter, 17);
  for (
    const same of [
      filter,
      { createdFrom: 5, tags: ["b", "a", "a"], states: ["running", "available"] },
      { ...filter, queues: undefined },
    ] satisfies JobFilter[]
  ) {
    assert.equal(readJobCursor("list", same, cursor), 17);
  }
});

Deno.test("a cursor of another filter or operation is refused", () => {
  const cursor = jobCursor("list", { tags: ["a"] }, 17);
  for (const filter of [{}, { tags: [] }, { names: ["a"] }, { tags: ["a"], createdFrom: 0 }]) {
    assert.throws(() => readJobCursor("list", filter, cursor), InvalidInputError);
  }
  assert.throws(() => readJobCursor("cancel", { tags: ["a"] }, cursor), {
    message: `Cannot go on: after: given "${cursor}", which belongs to another filter; allowed: ` +
      "the cursor of the page before",
  });
});

Deno.test("a text that is no cursor is refused, and shown in part", () => {
  for (
    const text of ["", "17", "17.", "0.aaaaaaaaaaaaaaaa", "-1.aaaaaaaaaaaaaaaa", "x".repeat(9_000)]
  ) {
    assert.throws(
      () => readJobCursor("list", {}, text),
      (error) =>
        error instanceof InvalidInputError && error.issues[0]?.path === "after" &&
        error.message.length < 200,
    );
  }
});
