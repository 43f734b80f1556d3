/**
 * `deno task test [PATH...] [--filter TEXT] [--long]` runs the tests of both languages and the
 * examples in the documentation of mod.ts. With `--long`, tests/chaos takes ten minutes instead of
 * one, so does one job, and tests that kill a host do so 20 times. The last line is `N passed, N
 * failed`, the sum of the reports that the runners write. A runner that crashed counts as a
 * failure.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import denoJson from "../deno.json" with { type: "json" };
import { messageOf } from "../src/errors.ts";
import { DEV_LOCK } from "./dev_lock.ts";
import { devPython, ROOT } from "./dev_python.ts";
import { type Counts, runnerCounts } from "./junit_counts.ts";
import { testArguments } from "./test_arguments.ts";

const NO_TESTS_COLLECTED = 5;
/** The duration of tests/chaos with `--long`. */
const LONG_CHAOS_SECONDS = 600;
/** The kills of a host by one test with `--long`. */
const LONG_HOST_KILLS = 20;
/** The duration of a job with `--long`. */
const LONG_JOB_SECONDS = 600;

interface Runner {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly report: string;
  /** Exit statuses that are no failure, besides 0. */
  readonly accepted?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

async function run(
  { name, command, cwd, report, accepted = [], env = {} }: Runner,
): Promise<Counts> {
  const [program = "", ...args] = command;
  console.log(`\n== ${name}`);
  const { code } = await new Deno.Command(program, { args, cwd, env, stdin: "null" }).spawn()
    .status;
  const text = await Deno.readTextFile(report).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  const counts = runnerCounts(text, code === 0 || accepted.includes(code));
  const { passed, failed, skipped } = counts;
  console.log(
    `${name}: ${passed} passed, ${failed} failed, ${skipped} skipped, exit status ${code}`,
  );
  return counts;
}

function runners(python: string, reports: string, args: readonly string[]): Runner[] {
  const { deno, pytest, partial, long } = testArguments(args);
  const env: Record<string, string> = long
    ? {
      SNAKEDEN_CHAOS_SECONDS: String(LONG_CHAOS_SECONDS),
      SNAKEDEN_HOST_KILLS: String(LONG_HOST_KILLS),
      SNAKEDEN_JOB_KILLS: String(LONG_HOST_KILLS),
      SNAKEDEN_LONG_JOB_S: String(LONG_JOB_SECONDS),
    }
    : {};
  const all: Runner[] = [];
  const denoTest = (name: string, more: readonly string[]): Runner => {
    const report = join(reports, `${name}.xml`);
    return {
      name,
      command: [Deno.execPath(), "test", "-A", "--no-prompt", `--junit-path=${report}`, ...more],
      cwd: ROOT,
      report,
      env,
    };
  };
  if (deno !== null) all.push(denoTest("deno-test", [DEV_LOCK, ...deno]));
  if (deno !== null && !partial) {
    const config = docConfig(reports);
    all.push(denoTest("deno-doc", [`--config=${config}`, "--no-lock", "--doc", "mod.ts", "src/"]));
  }
  if (pytest !== null) {
    const report = join(reports, "pytest.xml");
    all.push({
      name: "pytest",
      command: [python, "-m", "pytest", `--junit-xml=${report}`, ...pytest],
      cwd: join(ROOT, "python"),
      report,
      ...(partial ? { accepted: [NO_TESTS_COLLECTED] } : {}),
    });
  }
  return all;
}

/**
 * Writes a configuration without `noUnusedLocals`: examples declare what they do not use again, and
 * `deno test --doc` imports more than they use.
 */
function docConfig(dir: string): string {
  const config = structuredClone(denoJson);
  config.imports.snakeden = pathToFileURL(join(ROOT, "mod.ts")).href;
  config.compilerOptions.noUnusedLocals = false;
  const path = join(dir, "deno.json");
  Deno.writeTextFileSync(path, JSON.stringify(config));
  return path;
}

async function main(args: readonly string[]): Promise<number> {
  const reports = await Deno.makeTempDir({ prefix: "snakeden-reports-" });
  let [passed, failed] = [0, 0];
  try {
    const python = await devPython();
    for (const runner of runners(python, reports, args)) {
      const counts = await run(runner);
      passed += counts.passed;
      failed += counts.failed;
    }
  } catch (error) {
    console.error(messageOf(error));
    failed++;
  } finally {
    await Deno.remove(reports, { recursive: true });
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
