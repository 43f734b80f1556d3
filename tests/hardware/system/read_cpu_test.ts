import assert from "node:assert/strict";
import { join } from "node:path";
import type { CpuFacts, ThreadMessage } from "../../../src/hardware/system/cpu_thread.ts";
import { readCpu } from "../../../src/hardware/system/read_cpu.ts";
import { isAlive, tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";

/** Returns the program of a thread. */
function threadOf(code: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

function sending(...messages: ThreadMessage[]): string {
  return messages.map((it) => `postMessage(${JSON.stringify(it)});`).join("\n");
}

const FACTS: CpuFacts = {
  manufacturer: "A",
  brand: "B",
  vendor: "A",
  cores: 2,
  physicalCores: 1,
  flags: "avx",
};

const BROKEN: readonly [name: string, code: string, text: RegExp][] = [
  [
    "throws where no catch sees it",
    `import process from "node:process"; process.nextTick(() => { throw new Error("in a tick"); });`,
    /: Uncaught Error: in a tick$/,
  ],
  ["throws at its import", `throw new Error("at import");`, /\) Error: at import$/],
  ["rejects unseen", `Promise.reject(new Error("unseen"));`, /\) Error: unseen$/],
  [
    "is not there, as in a bundle",
    `await import("file:///no/such/thread.js");`,
    /no\/such\/thread/,
  ],
  ["cannot be parsed", `const = 1;`, /^the processor was not read: /],
  ["says that it failed", sending({ kind: "failed", text: "no cpu" }), /: no cpu$/],
];

Deno.test("readCpu() outlives a thread that breaks, and says how it broke", async (t) => {
  for (const [name, code, text] of BROKEN) {
    await t.step(name, async () => {
      const { facts, problems: [problem] } = await readCpu({ thread: threadOf(code) });
      assert.equal(facts, undefined);
      assert.deepEqual([problem?.probe, problem?.what], ["cpu", "failed"]);
      assert.match(problem?.text ?? "", text);
    });
  }
});

Deno.test("readCpu() ends a thread that never answers, spins, or closes", async (t) => {
  for (const code of [`onmessage = () => {};`, `for (;;);`, `close();`]) {
    await t.step(code, async () => {
      const reading = await readCpu({ thread: threadOf(code), limitMs: 50 });
      assert.deepEqual(reading, {
        facts: undefined,
        problems: [
          { probe: "cpu", what: "timeout", text: "the processor was not read within 50 ms" },
        ],
      });
    });
  }
});

Deno.test("readCpu() runs the commands of the thread, and hands it their output", async () => {
  const code = `onmessage = ({ data }) => {
    if (data.id === 1) postMessage({ kind: "run", id: 2, command: "echo b; exit 3" });
    const facts = ${JSON.stringify(FACTS)};
    globalThis.seen = (globalThis.seen ?? "") + data.id + data.stdout.trim() + (data.failure ?? "");
    if (data.id === 2) postMessage({ kind: "done", facts: { ...facts, brand: seen } });
  };
  postMessage({ kind: "run", id: 1, command: "echo a" });`;
  const { facts } = await readCpu({ thread: threadOf(code) });
  assert.match(facts?.brand ?? "", /^1a2b.*3/);
});

Deno.test("readCpu() leaves no process when it is aborted, or its time is over", async (t) => {
  await using folder = await tempDir();
  for (const end of ["abort", "limit"]) {
    await t.step(end, async () => {
      const file = join(folder.path, end);
      const command = `sleep 1000 & echo $! $$ > ${file}.tmp; mv ${file}.tmp ${file}; wait`;
      const thread = threadOf(sending({ kind: "run", id: 1, command }));
      const pids = async (): Promise<number[]> =>
        (await Deno.readTextFile(file)).trim().split(" ").map(Number);
      if (end === "limit") {
        const { problems } = await readCpu({ thread, limitMs: 1_000 });
        assert.equal(problems[0]?.what, "timeout");
      } else {
        const leaving = new AbortController();
        const reading = readCpu({ thread, signal: leaving.signal });
        await until(() => Deno.stat(file).then(() => true, () => false), "the command to run");
        leaving.abort(new Error("left"));
        await assert.rejects(reading, /^Error: left$/);
      }
      const all = await pids();
      assert.equal(all.length, 2);
      await until(() => !all.some(isAlive), "both processes to be gone");
    });
  }
});

Deno.test("readCpu() starts nothing when its signal has aborted", async () => {
  const signal = AbortSignal.abort(new Error("left"));
  await assert.rejects(readCpu({ signal }), /^Error: left$/);
});
