import assert from "node:assert/strict";
import { type OfferingPool, warnOfUnknownTools } from "../../../src/calls/policies/mod.ts";
import { LogSink } from "../../fixtures/log_sink.ts";

function poolOf(...names: string[]): OfferingPool {
  return {
    name: "default",
    tools: names.map((name) => ({ name })),
    offers: (tool) => names.includes(tool),
  };
}

Deno.test("warnOfUnknownTools() names each missing tool with policies, and similar names", async () => {
  await using log = new LogSink();
  warnOfUnknownTools({ tools: { echo: {}, ehco: {} } }, poolOf("echo", "hold"));
  const text = await log.text();
  assert.match(text, /pool default has policies for ehco, but no such tool; did you mean "echo"\?/);
  assert.doesNotMatch(text, /policies for echo/);
});

Deno.test("warnOfUnknownTools() ignores a pool that has had no worker", async () => {
  await using log = new LogSink();
  warnOfUnknownTools({ tools: { ehco: {} } }, poolOf());
  warnOfUnknownTools({ tools: { ehco: {} } }, undefined);
  assert.equal(await log.text(), "");
});
