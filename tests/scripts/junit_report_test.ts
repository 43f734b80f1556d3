import assert from "node:assert/strict";
import { junitCounts, junitFailures, runnerCounts } from "../../scripts/junit_report.ts";

// Shortened reports of Deno 2.9.6 and pytest 9.2.
const DENO_REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="6" failures="3" errors="0" time="0.1">
  <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="2">
    <testcase name="outer &gt; x" classname="./a_test.ts" time="0.008">
      <failure message="1 test step failed">1 test step failed.</failure>
    </testcase>
    <testcase name="ignored" classname="./a_test.ts"><skipped/></testcase>
    <testcase name="leaf" classname="./a_test.ts"></testcase>
    <testcase name="outer &gt; x &gt; good" classname="./a_test.ts"></testcase>
    <testcase name="outer &gt; x &gt; bad" classname="./a_test.ts">
      <failure message="x">Error: &lt;testcase &lt;failure</failure>
    </testcase>
  </testsuite>
  <testsuite name="./b_test.ts" tests="1" disabled="0" errors="0" failures="1">
    <testcase name="c" classname="./b_test.ts"><failure message="y">y</failure></testcase>
  </testsuite>
</testsuites>`;

const PYTEST_REPORT = `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">` +
  `<testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.3">` +
  `<testcase classname="t" name="a" time="0.1" /><testcase classname="t" name="b"><error message="m">e</error></testcase>` +
  `<testcase classname="t" name="c"><failure message="m">f</failure></testcase>` +
  `<testcase classname="t" name="d"><skipped message="s">s</skipped></testcase></testsuite></testsuites>`;

Deno.test("junitCounts() counts tests of deno test, not their steps", () => {
  assert.deepEqual(junitCounts(DENO_REPORT), { passed: 1, failed: 2, skipped: 1 });
});

Deno.test("junitCounts() counts an error of pytest as a failure", () => {
  assert.deepEqual(junitCounts(PYTEST_REPORT), { passed: 1, failed: 2, skipped: 1 });
});

Deno.test("runnerCounts() counts a runner that crashed as one failure", () => {
  const good = '<testsuite name="s"><testcase name="a" /><testcase name="b" />';
  assert.deepEqual(runnerCounts(good, true), { passed: 2, failed: 0, skipped: 0 });
  assert.deepEqual(runnerCounts(good, false), { passed: 2, failed: 1, skipped: 0 });
  assert.deepEqual(runnerCounts(null, true), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(runnerCounts(DENO_REPORT, false), { passed: 1, failed: 2, skipped: 1 });
});

Deno.test("junitFailures() names the failed tests and steps, with the beginning of each error", () => {
  assert.deepEqual(junitFailures(DENO_REPORT), [
    "./a_test.ts: outer > x\n1 test step failed.",
    "./a_test.ts: outer > x > bad\nError: <testcase <failure",
    "./b_test.ts: c\ny",
  ]);
  assert.deepEqual(junitFailures(PYTEST_REPORT), ["t: b\ne", "t: c\nf"]);
  const long = `<testsuite name="s"><testcase name="a"><failure>${"x".repeat(9_000)}</failure>`;
  assert.deepEqual(junitFailures(long).map((it) => it.length), [2_004]);
});
