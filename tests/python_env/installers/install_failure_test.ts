import assert from "node:assert/strict";
import {
  installFailure,
  isUnread,
  saysNoReason,
} from "../../../src/python_env/installers/install_failure.ts";

// Lines as pip 23 and uv 0.13 print them.
const CASES: readonly (readonly [string, RegExp])[] = [
  [
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)'",
    /index could not be reached/,
  ],
  [
    "error: Failed to fetch: `https://index.test/simple/grpcio/`\n  Caused by: error sending request",
    /index could not be reached/,
  ],
  [
    "SSLError(SSLCertVerificationError(1, 'certificate verify failed: unable to get local issuer'))",
    /TLS certificate/,
  ],
  ["ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", /hash differs/],
  ["ERROR: Wheel 'grpcio' located at /x/grpcio.whl is invalid.", /package file is broken/],
  [
    "ERROR: Could not find a version (from versions: none)",
    /could not be reached, or does not have/,
  ],
  ["ERROR: No matching distribution found for grpcio==9.9", /no version for this Python/],
  ["error: subprocess-exited-with-error", /had to be compiled/],
  ["OSError: [Errno 28] No space left on device", /disk is full/],
  ["ERROR: ResolutionImpossible: for help visit", /contradict each other/],
  ["something nobody has seen before", /exited with 7/],
];

for (const [output, reason] of CASES) {
  Deno.test(`installFailure() puts "${output.slice(0, 40)}" in words`, () => {
    const error = installFailure("the dependencies", { code: 7, lines: output.split("\n") });
    assert.equal(error.code, "python_environment");
    assert.match(error.message, reason);
    assert.match(error.message, /^Cannot install the dependencies: /);
    assert.ok(error.message.includes(output.split("\n")[0] ?? ""));
  });
}

Deno.test("installFailure() names the network as the reason, even if pip also finds no distribution", () => {
  const lines = [
    "WARNING: Retrying after connection broken by 'NewConnectionError': Connection refused",
    "ERROR: No matching distribution found for grpcio==1.85.1",
  ];
  assert.match(installFailure("x", { code: 1, lines }).message, /could not be reached/);
});

Deno.test("installFailure() keeps the last 15 lines", () => {
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
  const { message, details } = installFailure("x", { code: 1, lines });
  assert.equal(details.lastOutput instanceof Array && details.lastOutput.length, 15);
  assert.ok(message.includes("line 25") && message.includes("line 39"));
  assert.ok(!message.includes("line 24"));
});

Deno.test("installFailure() calls final what installing again cannot cure, and nothing else", () => {
  const finals = [
    "ERROR: No matching distribution found for grpcio==9.9",
    "ERROR: ResolutionImpossible: for help visit",
    "  cause: Because nothing was not found in the package registry and you require nothing",
  ];
  for (const [output] of [...CASES, ...finals.map((it) => [it] as const)]) {
    const { details } = installFailure("x", { code: 1, lines: [output] });
    assert.equal(details.final, finals.includes(output) ? true : undefined, output);
  }
  const offline = "cause: No solution found\nhint: unavailable because the network was disabled";
  assert.equal(installFailure("x", { code: 1, lines: [offline] }).details.final, undefined);
  const unknown = installFailure("x", { code: 1, lines: ["(from versions: none)"] }, {
    isUnknown: true,
  });
  assert.equal(unknown.details.final, true);
});

Deno.test("saysNoReason() and isUnread() find what pip leaves open, and what it says at length", () => {
  const none = "ERROR: Could not find a version that satisfies x (from versions: none)";
  assert.ok(saysNoReason({ code: 1, lines: [none] }));
  assert.ok(!saysNoReason({ code: 1, lines: ["connection broken by 'NewConnectionError'", none] }));
  assert.ok(!saysNoReason({ success: true, code: 0, lines: [none] }));
  const at = "Could not fetch URL http://127.0.0.1:1/simple/x/: ";
  assert.ok(isUnread(`${at}HTTPConnectionPool(...): Max retries exceeded`));
  assert.ok(isUnread(`${at}403 Client Error: Forbidden for url: http://127.0.0.1:1/simple/x/`));
  assert.ok(!isUnread(`${at}404 Client Error: Not Found for url: http://127.0.0.1:1/simple/x/`));
});
