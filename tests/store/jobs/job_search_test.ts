import assert from "node:assert/strict";
import { errorWords } from "../../../src/store/jobs/job_search.ts";

Deno.test("errorWords: has the words of the code, the Python type and the message, each once", () => {
  const error = {
    code: "python_exception",
    message: "ValueError: the Column has no __init__ of a Python_type",
    details: { python: { type: "builtins.ValueError" } },
  };
  // The first part of a word is at the beginning of the whole one, which a search finds.
  assert.deepEqual(errorWords(error), [
    ...["python_exception", "exception", "builtins", "valueerror", "the", "column", "has", "no"],
    ...["__init__", "init", "of", "a", "python_type", "type"],
  ]);
});

Deno.test("errorWords: keeps the first 16 words, and 4 that are short or have digits only", () => {
  const long = Array.from({ length: 40 }, (_, i) => `word${i}`);
  assert.deepEqual(errorWords({ code: "c", message: long.join(" ") }), ["c", ...long.slice(0, 15)]);
  const message = "17 in 2024 1.5 of 1234567 \u0661\u0662\u0663 r\u00e9 17 in abc x1y 12ab";
  assert.deepEqual(
    errorWords({ code: "code", message }),
    ["code", "17", "in", "2024", "1", "abc", "x1y", "12ab"],
  );
  assert.deepEqual(errorWords({ code: "code", message: "x".repeat(2_000) })[1], "x".repeat(64));
});
