/** Tests programs with a host in a terminal, which signals its whole foreground group. */
import assert from "node:assert/strict";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { until } from "../fixtures/until.ts";
import { hasNode, Workplace } from "./program.ts";

const ignore = !hasNode();

Deno.test({
  name: "Ctrl-C ends a program and its host",
  ignore,
  fn: async () => {
    await using place = await Workplace.open();
    const text = `
const den = await spawn();
await den.execute("nap", { seconds: 600 }, { timeoutMs: 600_000 });
`;
    await using terminal = await Terminal.open(await place.command(text), { cwd: place.path });
    await terminal.shows(/"nap"/);
    await terminal.pressCtrlC();
    assert.equal(await terminal.finished(), 130, terminal.output);
    await place.nothingIsLeft();
  },
});

Deno.test({
  name: "a program that handles Ctrl-C can let its calls finish, also after a second one",
  ignore,
  fn: async () => {
    await using place = await Workplace.open();
    const text = `
const den = await spawn();
let times = 0;
process.on("SIGINT", async () => {
  say("pressed" + ++times);
  await den.stop();
  if (times === 2) say("gone");
});
say("result", { result: await den.execute("nap", { seconds: 3 }) });
`;
    await using terminal = await Terminal.open(await place.command(text), { cwd: place.path });
    await terminal.shows(/"nap"/);
    await terminal.pressCtrlC();
    await terminal.shows(/"pressed1"/);
    await terminal.pressCtrlC();
    await terminal.shows(/"pressed2"/);
    await terminal.shows(/"result":"slept"/);
    await terminal.shows(/"gone"/);
    await terminal.signalGroup("SIGTERM");
    await terminal.finished();
    await place.nothingIsLeft();
  },
});

Deno.test({
  name: "a closed terminal ends a program and its host",
  ignore,
  fn: async () => {
    await using place = await Workplace.open();
    const text = `const den = await spawn();\nawait den.execute("nap", { seconds: 600 });\n`;
    await using terminal = await Terminal.open(await place.command(text), { cwd: place.path });
    await terminal.shows(/"nap"/);
    await terminal.close();
    await until(() => terminal.ended, "the program to end");
    await place.nothingIsLeft();
  },
});
