/**
 * `deno task test [PATH...] [--filter TEXT] [--long]` runs the tests of both languages and the
 * examples in the documentation of mod.ts. Two parts of the whole suite run side by side, since
 * most tests wait for processes; all but the first part are printed when they have ended. The
 * failures of all parts come once more at the end. With `--long`, tests/chaos takes ten minutes
 * instead of one, so does one job, tests that kill a host do so 20 times, and pools scale up and
 * down 1,000 times. The last line is `N passed, N failed`, the sum of the reports that the runners
 * write. A runner that crashed counts as a failure.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import denoJson from "../deno.json" with { type: "json" };
import { messageOf } from "../src/errors.ts";
import { DEV_LOCK } from "./dev_lock.ts";
import { devPython, ROOT } from "./dev_python.ts";
import { type Counts, junitFailures, runnerCounts } from "./junit_report.ts";
import { testArguments } from "./test_arguments.ts";

/** The tests that take more than half of the time, in parts so that both lanes end together. */
const E2E_TESTS = "tests/e2e/";
const E2E_PARTS = 6;
const LANES = 2;
const NO_TESTS_COLLECTED = 5;
/** The duration of tests/chaos with `--long`. */
const LONG_CHAOS_SECONDS = 600;
/** The kills of a host by one test with `--long`. */
const LONG_HOST_KILLS = 20;
/** The duration of a job with `--long`. */
const LONG_JOB_SECONDS = 600;
/** The times that pools scale up and down with `--long`. */
const LONG_SCALE_CYCLES = 1_000;

interface Runner {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly report: string;
  /** Exit statuses that are no failure, besides 0. */
  readonly accepted?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a runner. With `later`, what it prints is shown when it has ended. */
async function run(
  { name, command, cwd, report, accepted = [], env = {} }: Runner,
  { later }: { readonly later: boolean },
): Promise<{ readonly counts: Counts; readonly failures: readonly string[] }> {
  const [program = "", ...args] = command;
  if (!later) console.log(`\n== ${name}`);
  const options = { args, cwd, env, stdin: "null" } as const;
  const { code, printed } = later
    ? await printedBy(program, options)
    : { ...await new Deno.Command(program, options).spawn().status, printed: undefined };
  if (printed !== undefined) console.log(`\n== ${name}\n${printed}`);
  const text = await Deno.readTextFile(report).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  const counts = runnerCounts(text, code === 0 || accepted.includes(code));
  const { passed, failed, skipped } = counts;
  console.log(
    `${name}: ${passed} passed, ${failed} failed, ${skipped} skipped, exit status ${code}`,
  );
  const names = text === null ? [] : junitFailures(text);
  const failures = names.length === 0 && failed > 0
    ? [`${name} ended with exit status ${code}`]
    : names;
  return { counts, failures };
}

/** Runs a program, and returns both of its output streams as one text, in their order. */
async function printedBy(
  program: string,
  options: Omit<Deno.CommandOptions, "stdout" | "stderr">,
): Promise<{ readonly code: number; readonly printed: string }> {
  const child = new Deno.Command(program, { ...options, stdout: "piped", stderr: "piped" }).spawn();
  const decoder = new TextDecoder();
  let printed = "";
  const gather = async (stream: ReadableStream<Uint8Array>) => {
    for await (const bytes of stream) printed += decoder.decode(bytes, { stream: true });
  };
  const [{ code }] = await Promise.all([child.status, gather(child.stdout), gather(child.stderr)]);
  return { code, printed };
}

/** Returns the runners, in the order in which they start: the longest ones first. */
function runners(python: string, reports: string, args: readonly string[]): Runner[] {
  const { deno, pytest, partial, long } = testArguments(args);
  const env: Record<string, string> = long
    ? {
      SNAKEDEN_CHAOS_SECONDS: String(LONG_CHAOS_SECONDS),
      SNAKEDEN_HOST_KILLS: String(LONG_HOST_KILLS),
      SNAKEDEN_JOB_KILLS: String(LONG_HOST_KILLS),
      SNAKEDEN_LONG_JOB_S: String(LONG_JOB_SECONDS),
      SNAKEDEN_SCALE_CYCLES: String(LONG_SCALE_CYCLES),
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
  const options = [DEV_LOCK, ...deno?.options ?? []];
  if (deno !== null && partial) all.push(denoTest("deno-test", [...options, ...deno.paths]));
  if (deno !== null && !partial) {
    all.push(denoTest("deno-test", [...options, `--ignore=${E2E_TESTS}`, ...deno.paths]));
    for (const [i, paths] of e2eParts().entries()) {
      all.push(denoTest(`deno-test-e2e-${i + 1}`, [...options, ...paths]));
    }
    const config = docConfig(reports);
    all.push(
      denoTest("deno-doc", [`--config=${config}`, "--no-lock", "--doc", "mod.ts", "src/"]),
    );
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

/** Returns the files of {@link E2E_TESTS} in parts of as many files each, in their order. */
function e2eParts(): string[][] {
  const files = [...testFiles(E2E_TESTS)].sort();
  const length = Math.ceil(files.length / E2E_PARTS);
  const parts = Array.from(
    { length: E2E_PARTS },
    (_, i) => files.slice(i * length, (i + 1) * length),
  );
  // Without a path, deno test would run every test.
  return parts.filter((it) => it.length > 0);
}

/** Yields the test files in and below a folder, relative to the repository. */
function* testFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, folder))) {
    if (isDirectory) yield* testFiles(`${folder}${name}/`);
    else if (name.endsWith("_test.ts")) yield folder + name;
  }
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
  const failures: string[] = [];
  try {
    const python = await devPython();
    const waiting = runners(python, reports, args);
    const [longest] = waiting;
    const lane = async () => {
      for (let it = waiting.shift(); it !== undefined; it = waiting.shift()) {
        const { counts, failures: more } = await run(it, { later: it !== longest });
        passed += counts.passed;
        failed += counts.failed;
        failures.push(...more);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  } catch (error) {
    console.error(messageOf(error));
    failed++;
  } finally {
    await Deno.remove(reports, { recursive: true });
  }
  for (const failure of failures) console.log(`\n== failed: ${failure}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
