import fc from "fast-check";
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { type ConfigInput, parseConfig } from "../../src/config/mod.ts";
import { defaultSharedMemoryBytes } from "../../src/config/machine_defaults.ts";
import { InvalidInputError } from "../../src/errors.ts";

/** The problems of an input, by path. */
function problemsOf(input: unknown): Record<string, string> {
  try {
    parseConfig(input as ConfigInput, { baseDir: "/base" });
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    assert.equal(error.code, "config_invalid");
    for (const { path, message } of error.issues) {
      assert.ok(error.message.includes(path) && error.message.includes(message));
    }
    return Object.fromEntries(error.issues.map((it) => [it.path, it.message]));
  }
  return {};
}

Deno.test("parseConfig() fills in every default", () => {
  const config = parseConfig({}, { baseDir: "/base" });
  const [pool] = config.pools;
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.port, 8000);
  assert.equal(config.dataDir, resolve(".snakeden"));
  assert.equal(config.apiKey, undefined);
  assert.equal(config.limits.maxBodyBytes, 8 * 1024 * 1024);
  assert.ok(pool?.size !== undefined && pool.size >= 2);
  const { size: _size, sharedMemoryBytes, ...rest } = pool;
  assert.equal(sharedMemoryBytes, defaultSharedMemoryBytes(pool.size));
  assert.deepEqual(rest, {
    name: "default",
    spare: 0,
    idleTtlMs: 900_000,
    whenBusy: "wait",
    devices: "inherit",
    adapter: "snakeden.demo",
    profile: "process",
    carrier: "socket",
    sharedMemoryMinBytes: 64 * 1024,
    modulePaths: ["/base"],
    env: {},
    inheritEnv: [],
    launcher: "spawn",
    preload: [],
    isolate: "none",
    libraryThreads: 1,
    queueLimit: 1_000,
    pipelineBudgetMs: 1,
    affinity: "hint",
    affinityLimit: 100_000,
    affinityTtlMs: 3_600_000,
    timeoutMs: 60_000,
    startTimeoutMs: 60_000,
    stallTimeoutMs: 0,
    startConcurrency: 4,
    cancelGraceMs: 2_000,
    maxReruns: 2,
    crashWindowMs: 60_000,
    poisonAfter: 3,
    poisonMs: 60_000,
    taintAfter: 5,
    taintMs: 10_000,
    tools: {},
    wrap: [],
    drainMs: 10_000,
    killGraceMs: 3_000,
    logLevel: "INFO",
    heartbeat: { pingIntervalMs: 2_000, pingTimeoutMs: 2_000, maxMissed: 5, dependent: true },
    recycle: {},
    replace: "auto",
    limits: {},
  });
});

Deno.test("parseConfig() refuses maxRssBytes in a pool without heartbeats, which measure it", () => {
  const pool = { name: "a", recycle: { maxRssBytes: 2 ** 30 } };
  assert.throws(
    () => parseConfig({ pools: [{ ...pool, heartbeat: { pingIntervalMs: 0 } }] }),
    /pools\[0\]\.recycle\.maxRssBytes: given 1073741824 in a pool without heartbeats/,
  );
  assert.equal(parseConfig({ pools: [pool] }).pools[0]?.recycle.maxRssBytes, 2 ** 30);
});

Deno.test("parseConfig() names each part of a pool that is out of range", () => {
  assert.throws(
    () =>
      parseConfig({
        pools: [{
          name: "a",
          heartbeat: { pingIntervalMs: -1, maxMissed: 0, dependent: "no" as unknown as boolean },
          recycle: { maxAgeMs: 1, maxCalls: 0 },
          limits: { memoryBytes: 1, openFiles: 3, cpuSeconds: 0.5, nice: 20 },
        }],
      }),
    (error: unknown) => {
      assert.ok(error instanceof InvalidInputError);
      assert.deepEqual(error.issues.map(({ path }) => path.replace("pools[0].", "")).sort(), [
        "heartbeat.dependent",
        "heartbeat.maxMissed",
        "heartbeat.pingIntervalMs",
        "limits.cpuSeconds",
        "limits.memoryBytes",
        "limits.nice",
        "limits.openFiles",
        "recycle.maxAgeMs",
        "recycle.maxCalls",
      ]);
      return true;
    },
  );
});

Deno.test("parseConfig() gives a pool the drainMs of the top unless it has its own", () => {
  const { pools } = parseConfig({
    drainMs: 7,
    pools: [{ name: "a" }, { name: "b", drainMs: 9 }],
  });
  assert.deepEqual(pools.map((it) => it.drainMs), [7, 9]);
});

Deno.test("parseConfig() resolves relative paths against the folder in which they were written", () => {
  const config = parseConfig({
    dataDir: "data",
    python: { executable: "./bin/python", requirements: ["a.txt", "/abs/b.txt"] },
    pools: [
      {
        name: "a",
        modulePaths: ["lib", "/abs"],
        python: { requirements: ["c.txt", "/abs/d.txt"] },
      },
      { name: "b", python: { executable: "venv/bin/python" } },
      { name: "c", python: { executable: "python3.12" } },
    ],
  }, { baseDir: "/base" });
  assert.equal(config.dataDir, resolve("/base/data"));
  assert.equal(config.python.executable, resolve("/base/bin/python"));
  assert.deepEqual(config.python.requirements, [resolve("/base/a.txt"), "/abs/b.txt"]);
  assert.deepEqual(config.pools[0]?.modulePaths, [resolve("/base/lib"), "/abs"]);
  assert.deepEqual(config.pools.map((it) => it.python), [
    { requirements: [resolve("/base/c.txt"), "/abs/d.txt"] },
    { executable: resolve("/base/venv/bin/python") },
    { executable: "python3.12" },
  ]);
});

Deno.test("parseConfig() leaves a bare name of an interpreter to be found on PATH", () => {
  const config = parseConfig({ python: { executable: "python3.12" } }, { baseDir: "/base" });
  assert.equal(config.python.executable, "python3.12");
});

Deno.test("parseConfig() refuses a pool with an interpreter and requirements, and names the cure", () => {
  const python = { executable: "/venv/bin/python", requirements: ["a.txt"] };
  assert.throws(
    () => parseConfig({ pools: [{ name: "a" }, { name: "b", python }] }, { baseDir: "/base" }),
    {
      code: "config_invalid",
      message: "Cannot use the configuration: 1 problem\n" +
        '  pools[1].python.requirements: given beside executable ("/venv/bin/python"), into which ' +
        "Snakeden installs nothing; allowed: one of the two. Install the packages there yourself, " +
        "or leave executable out to get a private environment with them",
    },
  );
  // At the top, SNAKEDEN_PYTHON may replace an environment whose requirements the file names.
  assert.equal(parseConfig({ python }).python.executable, "/venv/bin/python");
});

Deno.test("parseConfig() leaves its own result as it is", () => {
  const sizes = fc.record({
    drainMs: fc.integer({ min: 0, max: 1000 }),
    pools: fc.uniqueArray(
      fc.record({
        name: fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/),
        size: fc.integer({ min: 1, max: 256 }),
        modulePaths: fc.array(fc.constantFrom("lib", "/abs", "..")),
      }, { requiredKeys: ["name"] }),
      { minLength: 1, maxLength: 5, selector: (it) => it.name },
    ),
  }, { requiredKeys: [] });
  fc.assert(fc.property(sizes, (input) => {
    const once = parseConfig(input as ConfigInput, { baseDir: "/base" });
    assert.deepEqual(parseConfig(once, { baseDir: "/elsewhere" }), once);
  }));
});

Deno.test("parseConfig() reports all problems at once, with the path, the given value and the allowed ones", () => {
  const problems = problemsOf({
    port: 70_000,
    hots: "x",
    pools: [{ name: "a", size: 0 }, { name: "a", timeoutMs: "5s" }],
  });
  assert.deepEqual(problems, {
    port: "given 70000; allowed: a whole number from 0 to 65535",
    hots: 'unknown key; did you mean "cors" or "host" or "jobs"?',
    "pools[0].size": "given 0; allowed: a whole number from 1 to 256",
    "pools[1].timeoutMs": 'given "5s"; allowed: a whole number from 1 to 86400000',
    "pools[1].name": 'given "a", which is already the name of pools[0]; ' +
      "allowed: a name that no other pool has",
  });
});

const REFUSED: readonly [what: string, input: unknown, path: string, message: RegExp][] = [
  ["a fraction", { port: 80.5 }, "port", /given 80\.5; allowed: a whole number/],
  ["NaN", { port: NaN }, "port", /given NaN/],
  ["Infinity", { drainMs: Infinity }, "drainMs", /given Infinity/],
  ["a number in a text", { port: "80" }, "port", /given "80"/],
  ["null", { host: null }, "host", /given null/],
  ["no pool", { pools: [] }, "pools", /given a list of 0; allowed: a list of 1 to 64 pools/],
  ["pools that are no list", { pools: { name: "a" } }, "pools", /given an object/],
  ["a pool without a name", { pools: [{}] }, "pools[0].name", /^missing; allowed: a small letter/],
  ["a pool that is a text", { pools: ["a"] }, "pools[0]", /given "a"; allowed: an object/],
  ["a bad pool name", { pools: [{ name: "A b" }] }, "pools[0].name", /given "A b"/],
  [
    "an adapter that is a path",
    { pools: [{ name: "a", adapter: "./texts.py" }] },
    "pools[0].adapter",
    /^given "\.\/texts\.py"; allowed: `module`, `module:Class` or `package\.\*`; leave out \.py: write "texts"$/,
  ],
  [
    "a list of no adapter",
    { pools: [{ name: "a", adapter: [] }] },
    "pools[0].adapter",
    /given a list of 0; allowed: `module`, `module:Class`, `package\.\*`, or a list/,
  ],
  [
    "a list of adapters with a number",
    { pools: [{ name: "a", adapter: ["texts", 5] }] },
    "pools[0].adapter[1]",
    /^given 5; allowed: `module`/,
  ],
  [
    "an adapter in a list that is a path",
    { pools: [{ name: "a", adapter: ["texts", "sub/x:X"] }] },
    "pools[0].adapter[1]",
    /use dots: write "sub\.x:X"$/,
  ],
  [
    "an adapter twice",
    { pools: [{ name: "a", adapter: ["texts", "b", "texts"] }] },
    "pools[0].adapter[2]",
    /^given "texts", which is pools\[0\]\.adapter\[0\] already; allowed: each adapter once$/,
  ],
  [
    "a function to expose that is no name",
    { pools: [{ name: "a", expose: ["classify", "a-b"] }] },
    "pools[0].expose[1]",
    /^given "a-b"; allowed: names of functions, with `\*` and `\?`$/,
  ],
  [
    "nothing to expose",
    { pools: [{ name: "a", expose: [] }] },
    "pools[0].expose",
    /^given a list of 0; allowed: a list of texts$/,
  ],
  ["an unknown profile", { pools: [{ name: "a", profile: "gpu" }] }, "pools[0].profile", /process/],
  ["a log level", { logLevel: "loud" }, "logLevel", /given "loud"; allowed: debug, info, warn/],
  ["a group that is a list", { limits: [] }, "limits", /given a list of 0; allowed: an object/],
  ["a key in a group", { limits: { maxBody: 1 } }, "limits.maxBody", /did you mean "maxBodyBytes"/],
  [
    "an affinity",
    { pools: [{ name: "a", affinity: "sticky" }] },
    "pools[0].affinity",
    /^given "sticky"; allowed: hint, strict_queue, strict_fail_fast$/,
  ],
  ["a path that is empty", { dataDir: "" }, "dataDir", /given ""; allowed: a path/],
  ["a NUL in a path", { dataDir: "a\0b" }, "dataDir", /allowed: a path/],
  [
    "another address without a key",
    { host: "0.0.0.0" },
    "host",
    /given "0\.0\.0\.0" without an apiKey, which is refused/,
  ],
  [
    "a variable that Snakeden sets",
    { pools: [{ name: "a", env: { SNAKEDEN_TOKEN: "x" } }] },
    "pools[0].env.SNAKEDEN_TOKEN",
    /which Snakeden sets itself/,
  ],
  ["a list", [], "", /given a list of 0; allowed: an object/],
  ["a function", () => 1, "", /given a function/],
];

for (const [what, input, path, message] of REFUSED) {
  Deno.test(`parseConfig() refuses ${what}`, () => {
    const problems = problemsOf(input);
    assert.match(problems[path] ?? JSON.stringify(problems), message);
  });
}

Deno.test("parseConfig() accepts another address with a key", () => {
  assert.equal(parseConfig({ host: "0.0.0.0", apiKey: "k".repeat(16) }).host, "0.0.0.0");
});

Deno.test("parseConfig() takes one API key or several, and names the one that is wrong", () => {
  const [one, other] = ["k".repeat(16), "m".repeat(20)];
  assert.equal(parseConfig({ apiKey: one }).apiKey, one);
  assert.deepEqual(parseConfig({ apiKey: [one, other] }).apiKey, [one, other]);
  const cases: readonly [apiKey: string[], path: string, message: RegExp][] = [
    [[one, "short"], "apiKey[1]", /^given a text of 5 characters; allowed: at least 16/],
    [[one, "with a space in it"], "apiKey[1]", /^given a text of 18 characters/],
    [[], "apiKey", /^given a value of type list; allowed: .* a list of 1 to 8 such keys$/],
    [Array<string>(9).fill(one), "apiKey", /^given a value of type list/],
  ];
  for (const [apiKey, path, message] of cases) {
    const problems = problemsOf({ apiKey });
    assert.match(problems[path] ?? "", message, path);
    assert.equal(Object.keys(problems).length, 1);
  }
});

Deno.test("parseConfig() does not show secrets", () => {
  const problems = problemsOf({
    apiKey: "too short",
    pools: [{ name: "a", env: { TOKEN: { secret: 1 } } }],
  });
  assert.match(problems.apiKey ?? "", /given a text of 9 characters; allowed: at least 16/);
  assert.match(problems["pools[0].env.TOKEN"] ?? "", /given a value of type object/);
  assert.ok(!JSON.stringify(problems).includes("too short"));
});

Deno.test("parseConfig() parses or refuses any input", () => {
  fc.assert(fc.property(fc.anything(), (input) => void problemsOf(input)));
  const keyed = fc.dictionary(
    fc.constantFrom("host", "port", "pools", "limits", "python", "apiKey", "dataDir", "x"),
    fc.anything({ maxDepth: 3 }),
  );
  fc.assert(fc.property(keyed, (input) => void problemsOf(input)));
});

Deno.test("parseConfig() fills in the policies that a pool or a tool has, and no others", () => {
  const [pool] = parseConfig({
    pools: [{ name: "a", breaker: {}, tools: { add: { retry: { attempts: 9 } } } }],
  }).pools;
  assert.deepEqual(pool?.breaker, {
    threshold: 5,
    resetMs: 30_000,
    halfOpenCalls: 1,
    codes: ["worker_crashed", "deadline_exceeded", "stalled", "python_exception", "internal"],
  });
  assert.equal(pool.retry, undefined);
  assert.deepEqual(pool.tools, {
    add: {
      retry: {
        attempts: 9,
        baseMs: 100,
        capMs: 30_000,
        jitter: "full",
        codes: ["pool_saturated", "pool_unhealthy", "device_unavailable", "worker_crashed"],
      },
    },
  });
});

Deno.test("parseConfig() names the new key for a renamed one, even if both are given", () => {
  const pool = { name: "a", maxRestarts: 1 };
  for (const given of [pool, { ...pool, maxReruns: 1 }]) {
    assert.deepEqual(problemsOf({ pools: [given] }), {
      "pools[0].maxRestarts": 'unknown key; it is now "maxReruns"',
    });
  }
});

Deno.test("parseConfig() names the wrong values of policies and crash limits", () => {
  const problems = problemsOf({
    pools: [{
      name: "a",
      maxReruns: -1,
      poisonAfter: 0,
      taintAfter: 1.5,
      breaker: { treshold: 3, codes: [] },
      retry: { baseMs: 500, capMs: 100, jitter: "some", codes: ["worker_crashed", "nope"] },
      tools: { add: { retry: { baseMs: 2, capMs: 1 }, speed: 1 } },
    }],
  });
  assert.deepEqual(Object.keys(problems).sort(), [
    "pools[0].breaker.codes",
    "pools[0].breaker.treshold",
    "pools[0].maxReruns",
    "pools[0].poisonAfter",
    "pools[0].retry.baseMs",
    "pools[0].retry.codes[1]",
    "pools[0].retry.jitter",
    "pools[0].taintAfter",
    "pools[0].tools.add.retry.baseMs",
    "pools[0].tools.add.speed",
  ]);
  assert.equal(problems["pools[0].maxReruns"], "given -1; allowed: a whole number from 0 to 100");
  assert.equal(
    problems["pools[0].breaker.treshold"],
    'unknown key; did you mean "threshold"?',
  );
  assert.match(
    problems["pools[0].retry.codes[1]"] ?? "",
    /^given "nope"; allowed: pool_saturated,/,
  );
  assert.equal(
    problems["pools[0].tools.add.retry.baseMs"],
    "given 2, which is more than capMs, 1; allowed: at most capMs",
  );
});

Deno.test("parseConfig() takes a path of metadata for fairBy, and refuses others with what is allowed", () => {
  const parse = (fairBy: unknown): unknown =>
    parseConfig({ pools: [{ name: "p" }], jobs: { queues: [{ name: "q", fairBy } as never] } });
  for (const path of ["metadata.tenant", "metadata.customer.id"]) assert.ok(parse(path));
  for (const path of ["", "tenant", "metadata", "metadata.", "metadata.a..b", "tag:x", 7]) {
    assert.throws(
      () => parse(path),
      /jobs\.queues\[0\]\.fairBy: .*allowed: a path of names of met/s,
    );
  }
});
