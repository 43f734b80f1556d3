import assert from "node:assert/strict";
import { tableOf } from "../../scripts/doctor/finding.ts";
import { leftoverPids, portFinding, socketPathFinding } from "../../scripts/doctor/machine.ts";
import { doctor, named } from "../fixtures/doctor.ts";
import { fakeNvidiaSmi } from "../fixtures/vendor_tools.ts";
import { workerCommand } from "../../src/python_env/mod.ts";

Deno.test("deno task doctor finds no fault in the demo, and lists its tools", async () => {
  const { code, findings } = await doctor({});
  assert.deepEqual(findings.filter((it) => it.state === "error"), []);
  assert.equal(code, 0);
  assert.match(named(findings, "adapter of default").text, /snakeden\.demo: add, counter, echo/);
  assert.match(
    named(findings, "processor").text,
    new RegExp(`\\b${navigator.hardwareConcurrency} `),
  );
});

Deno.test("deno task doctor reports a missing adapter, and one that hangs", async () => {
  const { code, findings } = await doctor({
    pools: [
      { name: "one", adapter: "no_such_module" },
      { name: "two", adapter: "hangs", startTimeoutMs: 1_000 },
    ],
  });
  assert.equal(code, 1);
  assert.equal(named(findings, "adapter of one").state, "error");
  assert.match(named(findings, "adapter of one").text, /there is no module 'no_such_module'/);
  assert.match(
    named(findings, "adapter of two").text,
    /after 1000 ms its adapter is still being loaded/,
  );
});

Deno.test("deno task doctor measures a worker of each pool, and adds up what all need", async () => {
  const { findings } = await doctor({
    pools: [{ name: "big", size: 2, adapter: "hungry", libraryThreads: 256 }, {
      name: "many",
      size: 200,
    }],
  });
  const { text } = named(findings, "memory for workers");
  const [, big, all] =
    /^big 2 x at least (\d+) MiB, many 200 x at least 64 MiB: (\d+) /.exec(text) ??
      [];
  assert.ok(Number(big) > 100 && Number(big) < 200, text);
  assert.ok(Math.abs(2 * Number(big) + 200 * 64 - Number(all)) <= 1, text);
  assert.equal(named(findings, "cores for workers").state, "warning");
});

Deno.test("deno task doctor places the pools on the devices of the machine, as a start does", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{}, { memoryMiB: "[N/A]" }] });
  const demo = { name: "demo", size: 1 };
  const there = { name: "there", devices: "cuda", deviceMemoryPerWorkerBytes: 2 ** 30 };
  const good = await doctor({ pools: [demo, there] }, { PATH: tools.path });
  assert.equal(named(good.findings, "devices of pools").text, "there: cuda:0 (1), cuda:1 (1)");
  const bad = await doctor({ pools: [demo, { name: "bad", devices: ["cuda:7"] }] }, {
    PATH: tools.path,
  });
  assert.equal(bad.code, 1);
  const { state, text } = named(bad.findings, "devices of pools");
  assert.equal(state, "error");
  assert.match(text, /this machine has cuda:0 \(NVIDIA L4\), .*\n {2}pool bad: cuda:7: /);
});

Deno.test("deno task doctor stops at a wrong configuration, and lists its problems", async () => {
  const { code, findings } = await doctor({ prot: 8000 });
  assert.equal(code, 1);
  assert.match(named(findings, "configuration").text, /prot/);
});

Deno.test("deno task doctor says how to cure a Python that cannot be used", async () => {
  const { code, findings } = await doctor({}, { SNAKEDEN_PYTHON: "/no/python" });
  assert.equal(code, 1);
  assert.match(named(findings, "Python").text, /no such program/);
});

Deno.test("portFinding() reports a port in use", () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const finding = portFinding("127.0.0.1", listener.addr.port);
  assert.equal(finding.state, "error");
  assert.match(finding.mend ?? "", /SNAKEDEN_PORT/);
});

Deno.test("socketPathFinding() warns of a data directory whose path is too long for a socket", () => {
  assert.equal(socketPathFinding("/data").state, "ok");
  assert.equal(socketPathFinding(`/${"x".repeat(90)}`).state, "warning");
});

Deno.test("leftoverPids() finds workers whose parent is process 1, unless that is the host", () => {
  const [, ...args] = workerCommand({ executable: "/env/bin/python", version: "3.12.1" });
  const worker = ["/env/bin/python", ...args].join(" ");
  const listing =
    `    1     0 /sbin/init\n  812     1 ${worker}\n  813   700 ${worker}\n  700   600 deno run main.ts\n`;
  assert.deepEqual(leftoverPids(listing), [812]);
  assert.deepEqual(leftoverPids(listing.replace("/sbin/init", "deno run -P=serve main.ts")), []);
  assert.deepEqual(leftoverPids(""), []);
});

Deno.test("tableOf() aligns the columns and counts", () => {
  const table = tableOf([
    { name: "Deno", state: "ok", text: "2.9.6" },
    { name: "open files", state: "warning", text: "at most 64", mend: "ulimit -n 4096" },
  ]);
  assert.deepEqual(table.split("\n"), [
    "ok       Deno        2.9.6",
    "warning  open files  at most 64",
    "                     -> ulimit -n 4096",
    "1 ok, 1 warning, 0 errors",
  ]);
});
