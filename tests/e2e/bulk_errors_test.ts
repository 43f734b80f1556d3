/** Tests that an item of a bulk call fails as a call with its arguments does. */
import assert from "node:assert/strict";
import { InvalidInputError, PythonError, SnakedenError } from "../../src/errors.ts";
import { startBulkHost } from "../fixtures/bulk_host.ts";

const FAILURES: readonly (readonly [tool: string, args: Record<string, unknown>])[] = [
  ["ends", { how: "raise", seconds: 1.5 }],
  ["ends", { how: "exit" }],
  ["ends", { how: "large" }],
  ["ends", { how: "cycle" }],
  ["ends", { how: "deep" }],
  ["ends", { how: "key" }],
  ["ends", { how: "bad chunk" }],
  ["ends", { how: "sleep", seconds: 60 }],
  ["ends", { how: "spin", seconds: 60 }],
  ["ends", { how: "interrupted" }],
  ["ends", { how: "missing module" }],
  ["ends", { how: 1, seconds: "x", other: true }],
  ["wait_async", { seconds: 60 }],
  ["refused_by_host", {}],
  ["add", {}],
];

/** Returns the error as its caller sees it, without the times in it. */
function seen(error: unknown): unknown {
  assert(error instanceof SnakedenError, String(error));
  const { code, message, retryable, details, name, summary } = error;
  // On a busy machine the host may report a deadline before the worker does.
  const times = (text: string): string =>
    text.replaceAll(/\b\d+ ms/g, "N ms").replace(/(its deadline of N ms passed) .*/s, "$1");
  const { queueMs: _, runMs: __, ...facts } = details;
  // As JSON, since messages of the link have classes.
  return JSON.parse(JSON.stringify({
    name,
    code,
    retryable,
    message: times(message),
    summary: times(summary),
    facts,
    python: error instanceof PythonError ? error.python : undefined,
    issues: error instanceof InvalidInputError ? error.issues : undefined,
  }));
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Calls.bulk() fails an item as a call fails with its arguments (${carrier})`, async () => {
    await using it = await startBulkHost(carrier, {}, { limits: { maxResultBytes: 1_048_576 } });
    const options = { timeoutMs: 150 };
    for (const [tool, args] of FAILURES) {
      const alone = await it.host.calls.call(tool, args, options).then(
        () => assert.fail(`${tool} ${JSON.stringify(args)} has not failed`),
        seen,
      );
      const good = tool === "add" ? '{"a":1}' : "{}";
      const { outcomes, error } = await it.bulk(
        tool === "add" ? "add" : tool,
        [good, JSON.stringify(args), good, JSON.stringify(args)],
        options,
      );
      assert.equal(error, undefined);
      assert.equal(outcomes.length, 4);
      assert.deepEqual(seen(outcomes[1]), alone);
      assert.deepEqual(seen(outcomes[3]), alone);
      if (tool !== "refused_by_host") assert.equal(typeof outcomes[2], "string");
    }
  });
}
