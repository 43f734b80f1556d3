import assert from "node:assert/strict";
import { testArguments } from "../../scripts/test_arguments.ts";

Deno.test("testArguments() runs everything when nothing is chosen", () => {
  assert.deepEqual(testArguments([]), {
    deno: { options: [], paths: ["tests/"] },
    pytest: [],
    partial: false,
    long: false,
  });
});

Deno.test("testArguments() runs only the side that the paths belong to", () => {
  assert.deepEqual(testArguments(["tests/pool"]), {
    deno: { options: [], paths: ["tests/pool"] },
    pytest: null,
    partial: true,
    long: false,
  });
  assert.deepEqual(testArguments(["python/tests/test_values.py::test_int"]), {
    deno: null,
    pytest: ["tests/test_values.py::test_int"],
    partial: true,
    long: false,
  });
});

Deno.test("testArguments() gives a filter to both sides and other options to deno test", () => {
  for (const filter of [["--filter", "drops"], ["--filter=drops"]]) {
    assert.deepEqual(testArguments([...filter, "--fail-fast"]), {
      deno: { options: ["--fail-fast", "--filter", "drops"], paths: ["tests/"] },
      pytest: ["-k", "drops"],
      partial: true,
      long: false,
    });
  }
});

Deno.test("testArguments() takes --long for tests that can run for any time", () => {
  const all = testArguments(["--long"]);
  assert.deepEqual([all.deno?.paths, all.partial, all.long], [["tests/"], false, true]);
  const part = testArguments(["tests/chaos", "--long"]);
  assert.deepEqual([part.deno?.paths, part.partial, part.long], [["tests/chaos"], true, true]);
});
