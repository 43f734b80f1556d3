import assert from "node:assert/strict";
import { defineTool } from "../../mod.ts";
import { hostToolsFindings } from "../../scripts/doctor/host_tools.ts";
import { parseConfig } from "../../src/config/mod.ts";

const run = (): number => 1;
const { pools } = parseConfig({ pools: [{ name: "default" }] });

Deno.test("hostToolsFindings() lists the host tools, and says nothing without any", async () => {
  const lookup = defineTool({ name: "lookup", expose: ["default"], run });
  const shown = defineTool({ name: "shown", exposeHttp: true, run });
  assert.deepEqual(await hostToolsFindings({ hostTools: [], pools }), []);
  assert.deepEqual(await hostToolsFindings({ hostTools: [lookup, shown], pools }), [
    { name: "host tools", state: "ok", text: "lookup, shown" },
  ]);
});

Deno.test("hostToolsFindings() finds what would stop a start", async () => {
  const lost = defineTool({ name: "lost", expose: ["defalt"], run });
  const [finding, ...rest] = await hostToolsFindings({ hostTools: [lost], pools });
  assert.deepEqual([finding?.state, rest], ["error", []]);
  assert.match(finding?.text ?? "", /given "defalt", which is no pool; did you mean "default"\?/);
});

Deno.test("hostToolsFindings() warns of tools that neither Python nor clients can call", async () => {
  const hidden = defineTool({ name: "hidden", run });
  const [, warning] = await hostToolsFindings({ hostTools: [hidden], pools });
  assert.equal(warning?.state, "warning");
  assert.match(warning?.text ?? "", /hidden/);
});
