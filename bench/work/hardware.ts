import { join } from "node:path";
import type { Bench, Subject } from "../bench.ts";
import { Child } from "../child.ts";
import { ROOT } from "../installation.ts";
import type { Figures } from "../measure.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

/** The `nvidia-smi` of each variant; undefined for what the machine has. */
const TOOLS: readonly (readonly [variant: string, script: string | undefined])[] = [
  ["as it is", undefined],
  ["nvidia-smi hangs", "#!/bin/sh\nsleep 60 &\nwait\n"],
];

/** The detection of the machine's hardware. */
export const hardware: Workload = {
  name: "hardware",
  summary: "time until the hardware is known, and how long the event loop is held by that",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const rows: Row[] = [];
    for (const [variant, script] of TOOLS) {
      bench.say(`hardware: ${variant}`);
      await using folder = await toolFolder(script);
      const subject: Subject = { name: "snakeden", measure: () => detectIn(folder.path) };
      const { rounds } = bench.pace;
      const medians = await bench.interleave([subject], { rounds, warmUpMs: 0, roundMs: 0 });
      rows.push(...rowsOf(variant, medians));
    }
    return [{
      workload: "hardware",
      title: "Detecting the hardware",
      about: "Each round is a fresh process. A tool that hangs is ended after 3 s. The loop is " +
        "held as long as a timer of 1 ms comes late, which happens in an idle process too.",
      variants: "vendor tools",
      columns: [
        { key: "coldMs", title: "the first time", unit: "ms", better: "less", chart: true },
        { key: "refreshMs", title: "all of it again", unit: "ms", better: "less" },
        { key: "cachedMs", title: "from the cache", unit: "ms", better: "less" },
        { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
        { key: "idleMs", title: "held when idle", unit: "ms", better: "less" },
      ],
      rows,
    }];
  },
};

/** Makes a folder for the front of PATH. */
async function toolFolder(
  script: string | undefined,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "snakeden-bench-" });
  if (script !== undefined) {
    await Deno.writeTextFile(join(path, "nvidia-smi"), script, { mode: 0o755 });
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function detectIn(folder: string): Promise<Figures> {
  await using child = Child.spawn(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", join(ROOT, "deno.json"), "bench/detection.ts"],
    env: { PATH: `${folder}:${Deno.env.get("PATH") ?? ""}` },
    cwd: ROOT,
  });
  return JSON.parse(await child.readLine());
}
