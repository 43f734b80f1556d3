import assert from "node:assert/strict";
import { junitCounts, runnerCounts } from "../../scripts/junit_counts.ts";

const DENO_REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="2" errors="0" time="0.1">
    <testsuite name="./a_test.ts" tests="3" disabled="1" errors="0" failures="1">
        <testcase name="x" />
    </testsuite>
    <testsuite name="./b_test.ts" tests="2" disabled="0" errors="0" failures="1"></testsuite>
</testsuites>`;

const PYTEST_REPORT = `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">` +
  `<testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="0.3">` +
  `<testcase name="a" /></testsuite></testsuites>`;

Deno.test("junitCounts() adds up the suites of deno test", () => {
  assert.deepEqual(junitCounts(DENO_REPORT), { passed: 2, failed: 2, skipped: 1 });
});

Deno.test("junitCounts() counts an error of pytest as a failure", () => {
  assert.deepEqual(junitCounts(PYTEST_REPORT), { passed: 4, failed: 3, skipped: 3 });
});

Deno.test("runnerCounts() counts a runner that crashed as one failure", () => {
  const good = '<testsuite tests="2" failures="0" errors="0">';
  assert.deepEqual(runnerCounts(good, true), { passed: 2, failed: 0, skipped: 0 });
  assert.deepEqual(runnerCounts(good, false), { passed: 2, failed: 1, skipped: 0 });
  assert.deepEqual(runnerCounts(null, true), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(runnerCounts(DENO_REPORT, false), { passed: 2, failed: 2, skipped: 1 });
});
