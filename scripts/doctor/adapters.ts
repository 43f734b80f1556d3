import type { PoolConfig } from "../../src/config/mod.ts";
import { packagePath } from "../../src/python/mod.ts";
import { workerEnv } from "../../src/pool/mod.ts";
import type { Finding } from "./finding.ts";

const LIST_TOOLS = `
import json, sys
from snakeden.adapter_loader import load_adapter
adapter = load_adapter(sys.argv[1], json.loads(sys.argv[2]))
print("\\nSNAKEDEN" + json.dumps(sorted(adapter.tools)))
sys.stdout.flush()
adapter.teardown()
`;

const SHOWN_LINES = 6;

/** Loads the adapter of each pool as its workers will, in an interpreter of its own, and lists its tools. */
export async function adapterFindings(
  python: string,
  pools: readonly PoolConfig[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const pool of pools) {
    const name = `adapter of ${pool.name}`;
    const { tools, problem } = await loadAdapter(python, pool);
    if (problem !== null) {
      findings.push({
        name,
        state: "error",
        text: `${pool.adapter}: ${problem}`,
        mend:
          "see docs/adapters.md; `modulePaths` of the pool says where its modules are looked for",
      });
    } else if (tools.length === 0) {
      findings.push({ name, state: "warning", text: `${pool.adapter} offers no tool` });
    } else findings.push({ name, state: "ok", text: `${pool.adapter}: ${tools.join(", ")}` });
  }
  return findings;
}

interface Loaded {
  readonly tools: readonly string[];
  readonly problem: string | null;
}

async function loadAdapter(python: string, pool: PoolConfig): Promise<Loaded> {
  const { adapter, modulePaths, startTimeoutMs } = pool;
  const child = new Deno.Command(python, {
    args: ["-c", LIST_TOOLS, adapter, JSON.stringify(modulePaths)],
    env: workerEnv({ ...pool, runId: "doctor", packagePath: packagePath() }),
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    Deno.kill(-child.pid, "SIGKILL");
  }, startTimeoutMs);
  try {
    const { success, code, stdout, stderr } = await child.output();
    const line = new TextDecoder().decode(stdout).split("\n").find((it) =>
      it.startsWith("SNAKEDEN")
    );
    if (late) return { tools: [], problem: `not loaded within ${startTimeoutMs} ms` };
    if (line !== undefined && success) {
      return { tools: JSON.parse(line.slice("SNAKEDEN".length)), problem: null };
    }
    const last = new TextDecoder().decode(stderr).trim().split("\n").slice(-SHOWN_LINES);
    return { tools: [], problem: [`exited with ${code}`, ...last].join("\n") };
  } finally {
    clearTimeout(timer);
  }
}
