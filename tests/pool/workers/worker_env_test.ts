import assert from "node:assert/strict";
import { INHERITED_ENV, workerEnv, type WorkerEnvOptions } from "../../../src/pool/mod.ts";

const OPTIONS: WorkerEnvOptions = {
  runId: "run-1",
  packagePath: "/package",
  inheritEnv: [],
  threads: 1,
  env: {},
};

/** Runs with some variables set, and puts back what was there. */
function withEnv<T>(variables: Record<string, string>, run: () => T): T {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    return run();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

Deno.test("workerEnv() passes on nothing that could be a secret", () => {
  const secrets = { SNAKEDEN_API_KEY: "k", AWS_SECRET_ACCESS_KEY: "s", PYTHONSTARTUP: "/x.py" };
  const env = withEnv(secrets, () => workerEnv(OPTIONS));
  for (const name of Object.keys(secrets)) assert.ok(!(name in env), name);
});

Deno.test("workerEnv() passes on what Python needs, and the names in the configuration", () => {
  const env = withEnv(
    { LANG: "C.UTF-8", MY_SETTING: "on" },
    () => workerEnv({ ...OPTIONS, inheritEnv: ["MY_SETTING", "NOT_SET_ANYWHERE"] }),
  );
  assert.equal(env.LANG, "C.UTF-8");
  assert.equal(env.MY_SETTING, "on");
  assert.ok(!("NOT_SET_ANYWHERE" in env));
  assert.equal(env.PYTHONPATH, "/package");
  assert.equal(env.PYTHONNOUSERSITE, "1");
});

Deno.test("workerEnv() gives numeric libraries the threads of the pool, unless env or inheritEnv sets a variable", () => {
  const host = { OMP_NUM_THREADS: "64", TOKENIZERS_PARALLELISM: "true" };
  withEnv(host, () => {
    assert.deepEqual(threadVariables(workerEnv(OPTIONS)), { "1": 12, false: 1 });
    assert.deepEqual(threadVariables(workerEnv({ ...OPTIONS, threads: 4 })), { "4": 12, true: 1 });
    const env = workerEnv({
      ...OPTIONS,
      inheritEnv: ["OMP_NUM_THREADS", "RAYON_NUM_THREADS"],
      env: { MKL_NUM_THREADS: "8", TOKENIZERS_PARALLELISM: "true" },
    });
    assert.deepEqual(threadVariables(env), { "1": 10, "8": 1, "64": 1, true: 1 });
  });
});

/** Counts the variables of threads by their values. */
function threadVariables(env: Record<string, string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, value] of Object.entries(env)) {
    if (/THREADS|PARALLELISM/.test(name)) counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}

Deno.test("workerEnv() does not let the configuration change the mark of the run", () => {
  const env = workerEnv({ ...OPTIONS, env: { SNAKEDEN_RUN_ID: "other" } });
  assert.equal(env.SNAKEDEN_RUN_ID, "run-1");
});

Deno.test("workerEnv() joins a PYTHONPATH of the configuration behind the package's folder", () => {
  const set = workerEnv({ ...OPTIONS, env: { PYTHONPATH: "/a:/b" } });
  assert.equal(set.PYTHONPATH, "/package:/a:/b");
  const inheritEnv = ["PYTHONPATH", "PYTHONNOUSERSITE", "OMP_NUM_THREADS"];
  const host = { PYTHONPATH: "/host", PYTHONNOUSERSITE: "", OMP_NUM_THREADS: "3" };
  const inherited = withEnv(host, () => workerEnv({ ...OPTIONS, inheritEnv }));
  assert.equal(inherited.PYTHONPATH, "/package:/host");
  assert.equal(inherited.PYTHONNOUSERSITE, "");
  assert.equal(inherited.OMP_NUM_THREADS, "3");
});

Deno.test("workerEnv() leaves out empty entries of PYTHONPATH, which mean the working folder", () => {
  for (const PYTHONPATH of ["", ":", ":/a", "/a:", "/a::"]) {
    const env = workerEnv({ ...OPTIONS, env: { PYTHONPATH } });
    assert.equal(env.PYTHONPATH, PYTHONPATH.includes("a") ? "/package:/a" : "/package");
  }
});

Deno.test("docs/library.md lists a flag for every variable that workers see", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/library.md", import.meta.url));
  const [, list = ""] = /--allow-env=(\S+)/.exec(page) ?? [];
  const patterns = list.split(",").map((it) => new RegExp(`^${it.replace("*", ".*")}$`));
  const missing = INHERITED_ENV.filter((name) => !patterns.some((it) => it.test(name)));
  assert.deepEqual(missing, []);
});
