/** Tests that a host never outlives the program that has started it, however that ends. */
import assert from "node:assert/strict";
import { isAlive, workersOf } from "../fixtures/host.ts";
import { hasNode, type Program, type Runtime, Workplace } from "./program.ts";

const RUNTIMES: readonly Runtime[] = hasNode() ? ["node", "deno"] : ["deno"];

interface Way {
  readonly what: string;
  /** The program; by default it starts a host and a call of ten minutes. */
  readonly text?: string;
  /** The last event before `end`. */
  readonly after?: string;
  /** Ends the program; without it, the program ends by itself. */
  readonly end?: (program: Program) => void;
  /** The exit status of the program; undefined if a signal ends it. */
  readonly status?: number;
}

const NAP = `
const den = await spawn();
await den.execute("nap", { seconds: 600 }, { timeoutMs: 600_000 });
`;

const WAYS: readonly Way[] = [
  {
    what: "stops the host",
    text: `
const den = await spawn();
say("sum", { sum: await den.execute("nap", { seconds: 0 }) });
await den.stop();
say("stopped", { end: await den.exited });
await den.stop();
`,
    status: 0,
  },
  {
    what: "follows a job to its end",
    text: `
const den = await spawn();
const job = await den.jobs.submit({ tool: "nap", args: { seconds: 0 } });
let last = "";
for await (const { type } of job) last = type;
if (last !== "end" || !(await job.done()).done) throw new Error(last);
await job.result();
await den.stop();
`,
    status: 0,
  },
  {
    what: "leaves its scope",
    text: `
const den = await spawn();
try {
  await den.execute("nap", { seconds: 0 });
} finally {
  await den[Symbol.asyncDispose]();
}
`,
    status: 0,
  },
  {
    what: "comes to its end without stopping the host",
    text: `const den = await spawn();\nawait den.execute("nap", { seconds: 0 });\n`,
    status: 0,
  },
  {
    what: "throws",
    text: `
const den = await spawn();
den.execute("nap", { seconds: 600 }).catch(() => {});
setTimeout(() => { throw new Error("on purpose"); }, 100);
`,
    status: 1,
  },
  {
    what: "calls process.exit()",
    text: `
const den = await spawn({
  onLog: ({ message }) => message.includes("the nap begins") && process.exit(7),
});
await den.execute("nap", { seconds: 600 });
`,
    status: 7,
  },
  { what: "gets SIGKILL", after: "nap", end: (program) => program.kill("SIGKILL") },
  { what: "gets SIGTERM", after: "nap", end: (program) => program.kill("SIGTERM") },
  {
    what: "gets SIGKILL while the host starts",
    text: `
await spawn({
  config: { ...options.config, pools: [{ name: "default", size: 1, adapter: "slow_import" }] },
  onLog: ({ message }) => message.includes("import begins") && say("importing"),
});
`,
    after: "importing",
    end: (program) => program.kill("SIGKILL"),
  },
];

const SLOW_IMPORT = `import time\nprint("import begins", flush=True)\ntime.sleep(600)\n`;

for (const runtime of RUNTIMES) {
  Deno.test(`in ${runtime}, no process is left when the program`, async (t) => {
    await using place = await Workplace.open();
    await Deno.writeTextFile(`${place.path}/slow_import.py`, SLOW_IMPORT);
    for (const { what, text = NAP, after, end, status } of WAYS) {
      await t.step(what, async () => {
        await using program = await place.run(text, { runtime });
        if (after !== "importing") {
          const { pid } = await program.says("ready");
          assert.ok(isAlive(Number(pid)) || status !== undefined, "the host runs");
        }
        if (after !== undefined) await program.says(after);
        if (end !== undefined) {
          assert.ok(workersOf({ connect: place.dataDir }).length > 0, "workers run");
          end(program);
        }
        const { code, signal } = await program.finished();
        if (status === undefined) assert.notEqual(signal, null, program.output);
        else assert.equal(code, status, program.output);
        await place.nothingIsLeft();
      });
    }
  });
}
