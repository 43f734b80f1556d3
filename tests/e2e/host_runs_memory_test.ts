/** Tests that the host keeps nothing of host tools that have ended. */
import assert from "node:assert/strict";
import { defineTool } from "../../mod.ts";
import { HostRun } from "../../src/tools/host/runs/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { liveObjects } from "../fixtures/live_objects.ts";

Deno.test("a timer that a host tool has left running keeps nothing of its run", async () => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await using den = await startDen({ size: 1 });
  den.tools.register(defineTool({
    name: "leave",
    run: () => {
      timer = setTimeout(() => {}, 60_000);
      return 1;
    },
  }));
  assert.equal(await den.execute("leave"), 1);
  assert.deepEqual(await liveObjects([HostRun]), { HostRun: 0 });
  clearTimeout(timer);
});
