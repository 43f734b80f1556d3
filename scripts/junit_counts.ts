/** How many tests ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Adds up the `<testsuite>` elements of a JUnit report, as `deno test` and pytest write it. */
export function junitCounts(xml: string): Counts {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const [tag] of xml.matchAll(/<testsuite\s[^>]*>/g)) {
    const bad = attribute(tag, "failures") + attribute(tag, "errors");
    // deno test says `disabled` for a test that is ignored, pytest says `skipped`.
    const left = attribute(tag, "skipped") + attribute(tag, "disabled");
    failed += bad;
    skipped += left;
    passed += attribute(tag, "tests") - bad - left;
  }
  return { passed, failed, skipped };
}

function attribute(tag: string, name: string): number {
  return Number(new RegExp(`\\s${name}="(\\d+)"`).exec(tag)?.[1] ?? 0);
}

/** The counts of a runner: one that ended badly without a failed test counts as a failure itself. */
export function runnerCounts(report: string | null, success: boolean): Counts {
  const counts = report === null ? { passed: 0, failed: 0, skipped: 0 } : junitCounts(report);
  const isWhole = success && report !== null;
  return isWhole || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}
