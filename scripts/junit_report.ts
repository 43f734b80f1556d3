/** The numbers of tests by outcome. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Case {
  readonly name: string;
  readonly body: string;
}

/**
 * Counts the tests of a JUnit report, as `deno test` and pytest write it. Steps of a test are not
 * counted: the report lists them as cases named `test > step`.
 */
export function junitCounts(xml: string): Counts {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const suite of xml.split("<testsuite ").slice(1)) {
    const cases = casesOf(suite);
    const names = new Set(cases.map((it) => it.name));
    for (const { name, body } of cases) {
      if (isStep(name, names)) continue;
      if (/<(failure|error)\b/.test(body)) failed++;
      else if (/<skipped\b/.test(body)) skipped++;
      else passed++;
    }
  }
  return { passed, failed, skipped };
}

/** The longest text of a failure that is shown again. */
const MAX_FAILURE_LENGTH = 2_000;

/**
 * Returns the failed tests and steps of a JUnit report, each by its file and name, with the
 * beginning of what went wrong.
 */
export function junitFailures(xml: string): string[] {
  return xml.split("<testsuite ").slice(1).flatMap(casesOf).flatMap(({ name, body }) => {
    const [, problem] = /<(?:failure|error)\b[^>]*>([^]*?)<\/(?:failure|error)>/.exec(body) ?? [];
    if (problem === undefined) return [];
    return [`${unescape(name)}\n${unescape(problem).slice(0, MAX_FAILURE_LENGTH).trim()}`];
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  gt: ">",
  lt: "<",
  quot: '"',
};

function unescape(text: string): string {
  return text.replace(/&(amp|apos|gt|lt|quot);/g, (_, name: string) => ENTITIES[name] ?? "");
}

/** Returns the test cases. Text in a report is escaped, so each `<testcase` is one. */
function casesOf(suite: string): Case[] {
  return suite.split("<testcase ").slice(1).map((body) => {
    const [, className = ""] = /\bclassname="([^"]*)"/.exec(body) ?? [];
    const [, name = ""] = /\bname="([^"]*)"/.exec(body) ?? [];
    return { name: `${className}: ${name}`, body };
  });
}

function isStep(name: string, names: ReadonlySet<string>): boolean {
  const parts = name.split(" &gt; ");
  return parts.some((_, i) => i > 0 && names.has(parts.slice(0, i).join(" &gt; ")));
}

/**
 * Returns the counts of a runner. A runner that failed without a failed test counts as one failure.
 */
export function runnerCounts(report: string | null, success: boolean): Counts {
  const counts = report === null ? { passed: 0, failed: 0, skipped: 0 } : junitCounts(report);
  const isWhole = success && report !== null;
  return isWhole || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}
