/**
 * `deno task check [NAME...]` checks everything that does not need the code to run. All checks run,
 * even if one fails. The last line is `N passed, N failed`.
 */
import { join } from "node:path";
import { messageOf } from "../src/errors.ts";
import { DEV_LOCK } from "./dev_lock.ts";
import { devPython, ROOT } from "./dev_python.ts";

interface Check {
  readonly name: string;
  readonly command: () => Promise<string[]> | string[];
  readonly cwd?: string;
}

const PYTHON_DIR = join(ROOT, "python");

const CHECKS: readonly Check[] = [
  { name: "format", command: () => [Deno.execPath(), "fmt", "--check"] },
  { name: "lint", command: () => [Deno.execPath(), "lint", "--quiet"] },
  { name: "types", command: () => [Deno.execPath(), "check", "--quiet", DEV_LOCK, "."] },
  ownPackages("types-generators", "scripts/generators"),
  ownPackages("types-openapi", "scripts/openapi"),
  denoTest("lock-files", "tests/lock_files_test.ts"),
  denoTest("architecture", "tests/architecture_test.ts"),
  {
    name: "generated",
    command: () => [Deno.execPath(), "run", "-A", "--quiet", "scripts/gen.ts", "--check"],
  },
  python("python-format", ["ruff", "format", "--check", "."]),
  python("python-lint", ["ruff", "check", "."]),
  python("python-types", ["mypy"]),
];

/** Checks the types of a folder that has a configuration and a lock file of its own. */
function ownPackages(name: string, path: string): Check {
  const folder = join(ROOT, path);
  const config = `--config=${folder}/deno.json`;
  return { name, command: () => [Deno.execPath(), "check", "--quiet", config, folder] };
}

function denoTest(name: string, file: string): Check {
  return { name, command: () => [Deno.execPath(), "test", "-A", "--quiet", DEV_LOCK, file] };
}

function python(name: string, module: string[]): Check {
  return { name, command: async () => [await devPython(), "-m", ...module], cwd: PYTHON_DIR };
}

/** Runs a check. Returns its output, or null if it passed. */
async function run(check: Check): Promise<string | null> {
  try {
    const [program = "", ...args] = await check.command();
    const { success, code, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd: check.cwd ?? ROOT,
      stdin: "null",
    }).output();
    if (success) return null;
    const output = [stdout, stderr].map((it) => new TextDecoder().decode(it).trim());
    return [...output, `exited with ${code}`].filter((it) => it !== "").join("\n");
  } catch (error) {
    return messageOf(error);
  }
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !CHECKS.some((it) => it.name === name));
  if (unknown.length > 0) {
    console.error(
      `no check ${unknown.join(", ")}; there are ${CHECKS.map((it) => it.name).join(", ")}`,
    );
    return 2;
  }
  const chosen = CHECKS.filter(({ name }) => names.length === 0 || names.includes(name));
  let failed = 0;
  for (const check of chosen) {
    const started = performance.now();
    const output = await run(check);
    const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
    console.log(`${output === null ? "ok    " : "FAILED"} ${check.name.padEnd(16)} ${seconds} s`);
    if (output === null) continue;
    failed++;
    console.log(output.replace(/^/gm, "  "));
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
