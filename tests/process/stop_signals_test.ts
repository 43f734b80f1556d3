import assert from "node:assert/strict";
import { HostProcess } from "../fixtures/host.ts";

/** Runs a program with `signals`, and with `again(name)` to signal itself. */
async function run(program: string): ReturnType<HostProcess["finished"]> {
  const code = `
    import { StopSignals } from "./src/process/mod.ts";
    const signals = await StopSignals.listen();
    const again = (name = "SIGINT") => Deno.kill(Deno.pid, name);
    const soon = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));
    ${program}
    Deno.exit(7);`;
  await using process = new HostProcess(["eval", "--ext=ts", code]);
  return await process.finished();
}

Deno.test("StopSignals.stop aborts with the first signal, which request names", async () => {
  const { stdout } = await run(`
    console.log(signals.stop.aborted, signals.request);
    signals.stop.addEventListener("abort", () => {
      console.log(signals.request.name, signals.request.status, signals.stop.reason.code);
      Deno.exit(7);
    });
    again("SIGTERM");
    await soon(60_000);`);
  assert.equal(stdout, "false undefined\nSIGTERM 143 cancelled\n");
});

Deno.test("StopSignals.requested resolves with the first signal and no other", async () => {
  const { stdout } = await run(`
    again("SIGHUP");
    const first = await signals.requested;
    again("SIGTERM");
    for (let i = 0; i < 20; i++) await soon();
    console.log(first.name, first.status, first === await signals.requested);`);
  assert.equal(stdout, "SIGHUP 129 true\n");
});

Deno.test("StopSignals recognizes a copy that a busy event loop sees late", async () => {
  const { code, stderr } = await run(`
    again();
    while (!signals.stop.aborted) await soon();
    again();
    const end = performance.now() + 1_000;
    while (performance.now() < end);
    for (let i = 0; i < 20; i++) await soon();`);
  assert.equal(code, 7, stderr);
});

Deno.test("StopSignals ends the process at a later SIGINT, with the status of that signal", async () => {
  const { code } = await run(`
    again("SIGTERM");
    for (let i = 0; i < 6_000; i++) {
      await soon(10);
      again();
    }`);
  assert.equal(code, 130);
});

Deno.test("StopSignals calls onSecond before a later signal ends the process, and does not wait for one that hangs", async () => {
  const { code, stdout } = await run(`
    signals[Symbol.dispose]();
    const heard = await StopSignals.listen({
      onSecond: ({ name }) => {
        console.log("second", name);
        return new Promise(() => {});
      },
    });
    again("SIGTERM");
    await heard.requested;
    for (let i = 0; i < 6_000; i++) {
      await soon(10);
      again();
    }`);
  assert.equal(code, 130);
  assert.equal(stdout, "second SIGINT\n");
});

Deno.test("StopSignals does not end the process for any later SIGHUP", async () => {
  const { code } = await run(`
    again();
    for (let i = 0; i < 80; i++) {
      await soon(10);
      again("SIGHUP");
    }`);
  assert.equal(code, 7);
});

Deno.test("StopSignals restores the default effect of the signals when it is disposed", async () => {
  const { signal, code } = await run(`
    signals[Symbol.dispose]();
    again("SIGTERM");
    await soon(60_000);`);
  assert.equal(signal ?? code, "SIGTERM");
});
