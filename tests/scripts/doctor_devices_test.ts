import assert from "node:assert/strict";
import { doctor, named } from "../fixtures/doctor.ts";
import { VendorTools } from "../fixtures/vendor_tools.ts";
import { isAlive } from "../fixtures/host.ts";

Deno.test("deno task doctor lists the devices of the machine, and warns that no pool assigns them", async () => {
  await using tools = await VendorTools.create();
  await tools.addNvidiaSmi({ gpus: [{}, { name: "NVIDIA H100" }], driver: "570.1", cuda: "12.8" });
  const pools = [{ name: "a", size: 1 }];
  const { code, findings } = await doctor({ pools }, {
    PATH: tools.path,
    CUDA_VISIBLE_DEVICES: "1",
  });
  assert.equal(code, 0);
  const [first = "", second = ""] = named(findings, "devices").text.split("\n");
  assert.match(
    first,
    /^cuda:0: NVIDIA L4, .*, driver 570.1, up to CUDA 12.8, hidden by a variable/,
  );
  assert.match(second, /^cuda:1: NVIDIA H100, .*, up to CUDA 12.8$/);
  const unused = named(findings, "unused devices");
  assert.equal(unused.state, "warning");
  assert.match(unused.text, /^cuda:1: no pool has `devices`/);
});

Deno.test("deno task doctor gives up on a tool that hangs, warns of it, and leaves no process", async () => {
  await using tools = await VendorTools.create();
  await tools.addHanging("nvidia-smi");
  const pools = [{ name: "a", size: 1 }];
  const { code, findings } = await doctor({ pools }, { PATH: tools.path });
  assert.equal(code, 0);
  const { mend, state, text } = named(findings, "probe nvidia-smi");
  assert.deepEqual([state, mend], ["warning", "run nvidia-smi by hand to see why"]);
  assert.match(text, /\d+ ms/);
  assert.equal(named(findings, "devices").text, "no accelerator");
  for (const pid of await tools.hangingPids("nvidia-smi")) assert.ok(!isAlive(pid), String(pid));
});
