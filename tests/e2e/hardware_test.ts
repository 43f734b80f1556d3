/** The hardware of this machine, as a server and a program of a user see it. */
import assert from "node:assert/strict";
import type { HardwareInfo } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { Project } from "../fixtures/project.ts";

const SYS = "--allow-sys=cpus,hostname,systemMemoryInfo";
const FLAGS = [
  "--allow-run",
  "--allow-net",
  "--allow-read",
  "--allow-write=.snakeden",
  "--allow-env",
];
const MAIN = `
import { Snakeden } from "snakeden";
await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
console.log(JSON.stringify(await den.hardware.detect()));
`;

async function outputOf(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args, env: { LC_ALL: "C" } }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("GET /v1/hardware agrees with the commands of this machine", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: dir.path });
  const first = await fetch(`${server.url}/v1/hardware`);
  assert.equal(first.status, 200);
  const info: HardwareInfo = await first.json();
  assert.equal(info.hostname, await outputOf("hostname"));
  assert.equal(info.cpu.usableCores, navigator.hardwareConcurrency);
  assert.equal(info.cpu.logicalCores, Number(await outputOf("nproc", "--all")));
  assert.equal(info.memory.totalBytes, Deno.systemMemoryInfo().total);
  const processor = info.devices.at(-1);
  assert.equal(processor?.id, "cpu");
  assert.equal(processor?.memoryBytes, info.memory.limitBytes ?? info.memory.totalBytes);
  assert.equal(processor?.freeBytes, info.memory.availableBytes);
  assert.deepEqual(info.problems.filter(({ what }) => what !== "missing"), []);
  const again: HardwareInfo = await (await fetch(`${server.url}/v1/hardware?refresh=true`)).json();
  assert.deepEqual(again.cpu, info.cpu);
});

Deno.test("den.hardware detects in a user's project, whose deno.json lacks worker-options", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const { code, stdout, stderr } = await project.run("main.ts", {
    flags: ["--no-prompt", ...FLAGS, SYS],
  });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const { cpu, memory, problems }: HardwareInfo = JSON.parse(stdout);
  assert.deepEqual(problems.filter(({ what }) => what !== "missing"), []);
  assert.ok(cpu.logicalCores !== null && memory.totalBytes !== null);
});

Deno.test("den.hardware without the permission sys has less, and asks nothing at a terminal", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const command = project.command("main.ts", { flags: FLAGS });
  await using terminal = await Terminal.open([Deno.execPath(), ...command], {
    cwd: project.path,
    env: { SNAKEDEN_PYTHON: await devPython() },
  });
  await terminal.shows(/"probe":"cpu","what":"denied"/);
  await terminal.finished();
  assert.match(terminal.output, /"usableCores":\d+/);
  assert.doesNotMatch(terminal.output, /Deno requests|Allow\?/);
});

Deno.test("den.stop() ends a detection that is in progress", async () => {
  const den = await startDen();
  const detected = den.hardware.detect().then(() => "detected", (error) => error.code);
  await den.stop();
  assert.ok(["detected", "shutting_down"].includes(await detected));
  await assert.rejects(den.hardware.detect(), { code: "shutting_down" });
});
