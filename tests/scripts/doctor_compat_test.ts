import assert from "node:assert/strict";
import { devPython, ROOT } from "../../scripts/dev_python.ts";
import {
  compatFindings,
  type CompatPool,
  compatText,
  poolCompat,
  pythonOf,
  type PythonOfPool,
  recommendation,
  tableText,
} from "../../scripts/doctor/compat.ts";
import { LIBRARIES } from "../../scripts/doctor/library_table.ts";
import { packagePath } from "../../src/python_env/mod.ts";
import { doctorCompat } from "../fixtures/doctor.ts";

/** The libraries that the table must have. */
// deno-fmt-ignore
const WANTED = [
  "aiohttp", "celery", "cupy", "faiss", "fasttext", "grpcio", "httpx", "jax", "lightgbm",
  "matplotlib", "numexpr", "numpy", "onnxruntime", "opencv", "pandas", "pillow", "polars", "ray",
  "requests", "scikit-learn", "scipy", "spacy", "sqlalchemy", "sqlite3", "tensorflow", "torch",
  "xgboost",
];

const WITH_LOCK: PythonOfPool = {
  version: "3.12.4",
  freeThreaded: false,
  gil: true,
  installed: { numpy: "2.2.0", pandas: "2.2.2", grpcio: "1.80.0", requests: "2.32.0", jax: null },
};
const WITHOUT_LOCK: PythonOfPool = {
  ...WITH_LOCK,
  version: "3.14.1",
  freeThreaded: true,
  gil: false,
};

/** Returns the verdicts on a pool, as "state library version". */
function verdicts(pool: Omit<CompatPool, "name">, found = WITH_LOCK): string[] {
  return poolCompat({ name: "a", ...pool }, found).libraries
    .map(({ state, library, version }) => `${state} ${library} ${version}`);
}

Deno.test("LIBRARIES has what it must have, each once, with a note, a cure and a source", () => {
  const names = LIBRARIES.map(({ name }) => name);
  assert.deepEqual(WANTED.filter((it) => !names.includes(it)), []);
  assert.equal(new Set(names).size, names.length);
  for (const it of LIBRARIES) {
    assert.match(it.threads, /^(safe|conditional|unsafe)$/, it.name);
    for (const text of [it.note, it.workaround, it.async ?? "x.", it.fork ?? "x."]) {
      assert.match(text, /^.*\.$/, it.name);
    }
    assert.match(it.source, /^https:\/\//, it.name);
    assert.match(it.freeThreadedSince ?? "any", /^(any|\d+(\.\d+)+)$/, it.name);
    assert.ok(it.modules.length > 0 && (it.distributions.length > 0 || it.name === "sqlite3"));
  }
});

Deno.test("poolCompat() names what a profile and a launcher have to mind, of what is installed", () => {
  assert.deepEqual(verdicts({ profile: "process" }), [
    "ok grpcio 1.80.0",
    "ok numpy 2.2.0",
    "ok requests 2.32.0",
    "ok pandas 2.2.2",
  ]);
  assert.deepEqual(verdicts({ profile: "thread" }), [
    "ok grpcio 1.80.0",
    "ok numpy 2.2.0",
    "warning requests 2.32.0",
    "warning pandas 2.2.2",
  ]);
  assert.deepEqual(verdicts({ profile: "async" }), [
    "warning grpcio 1.80.0",
    "ok numpy 2.2.0",
    "warning requests 2.32.0",
    "ok pandas 2.2.2",
  ]);
  assert.deepEqual(verdicts({ profile: "process", launcher: "prefork" }), [
    "warning grpcio 1.80.0",
    "ok numpy 2.2.0",
    "ok requests 2.32.0",
    "ok pandas 2.2.2",
  ]);
});

Deno.test("poolCompat() tells which versions are made for a Python without a lock", () => {
  const { libraries } = poolCompat({ name: "a", profile: "thread" }, WITHOUT_LOCK);
  const of = (name: string): string =>
    libraries.find(({ library }) => library === name)?.notes.join(" ") ?? "";
  assert.equal(of("numpy"), "");
  assert.match(of("grpcio"), /brings the lock back/);
  assert.match(of("pandas"), /caches.*from 2\.2\.3 on/);
  assert.doesNotMatch(of("requests"), /lock back|on\./);
});

Deno.test("recommendation() suits profiles to the version and the build of Python", () => {
  const locked = recommendation(WITH_LOCK);
  assert.match(locked, /^`process` for Python code that computes; `thread` for calls that wait/);
  assert.match(recommendation(WITHOUT_LOCK), /^`thread` for all that computes or waits/);
  assert.match(
    recommendation({ ...WITHOUT_LOCK, version: "3.13.9" }),
    /^`process`: Python 3\.13\.9 without an interpreter lock is an experiment/,
  );
  assert.match(recommendation({ ...WITHOUT_LOCK, gil: true }), /but runs with one .*`process` for/);
});

Deno.test("poolCompat() repeats no settings of the pool, which may be secret", () => {
  const pool = { name: "a", profile: "thread", env: { TOKEN: "secret" } };
  assert.doesNotMatch(JSON.stringify(poolCompat(pool, WITH_LOCK)), /secret/);
});

Deno.test("compatText() and tableText() show notes and cures", () => {
  const text = compatText(poolCompat({ name: "a", profile: "thread" }, WITH_LOCK));
  assert.match(text, /^pool a \(thread\), Python 3\.12\.4\n {2}suits: `process`/);
  assert.match(text, /\n {2}ok {7}numpy 2\.2\.0 +nothing to do\n/);
  assert.match(text, /\n {2}warning {2}pandas 2\.2\.2 +Reading.*\n +-> Give each call its own/);
  const none = poolCompat({ name: "a", profile: "thread" }, { ...WITH_LOCK, installed: {} });
  assert.match(compatText(none), /\n {2}none of the libraries in the table is installed$/);
  assert.match(tableText(), /^unsafe +pandas +Reading/m);
});

Deno.test("compatFindings() names libraries for pools that run several calls at once, and only there", async () => {
  const ask = (): Promise<PythonOfPool> => Promise.resolve(WITH_LOCK);
  assert.deepEqual(await compatFindings({ name: "a", profile: "process" }, ask), []);
  const [finding] = await compatFindings({ name: "a", profile: "thread" }, ask);
  assert.match(finding?.text ?? "", /^requests, pandas: run `deno task doctor --compat`/);
  const fails = (): Promise<PythonOfPool> => Promise.reject(new Error("no Python"));
  const [failed] = await compatFindings({ name: "a", profile: "thread" }, fails);
  assert.equal(failed?.text, "cannot be listed: no Python");
});

Deno.test("pythonOf() finds what a Python can import, and its version, without importing it", async () => {
  const found = await pythonOf(await devPython(), { PYTHONPATH: packagePath() });
  assert.match(found.version, /^3\.\d+\.\d+/);
  assert.match(found.installed["numpy"] ?? "", /^\d+\.\d+/);
  assert.equal(found.installed["sqlite3"], "");
  assert.equal(found.installed["spacy"], null);
});

Deno.test("deno task doctor --compat shows the libraries of each pool, as text and as JSON", async () => {
  const config = { pools: [{ name: "one" }, { name: "two" }] };
  const json = await doctorCompat(config, ["--json"]);
  assert.equal(json.code, 0, json.stderr);
  const { pools } = JSON.parse(json.stdout);
  assert.deepEqual(pools.map((it: CompatPool) => [it.name, it.profile]), [
    ["one", "process"],
    ["two", "process"],
  ]);
  assert.ok(pools[0].libraries.some((it: { library: string }) => it.library === "numpy"));
  const text = await doctorCompat(config);
  assert.match(
    text.stdout,
    /^pool one \(process, spawn\).*\n {2}suits: .*\n[^]*\npool two \(process, spawn\)/,
  );
});

Deno.test("deno task doctor --compat all needs no configuration, and a wrong one is an error", async () => {
  const all = await doctorCompat({ prot: 1 }, ["all", "--json"]);
  assert.deepEqual(JSON.parse(all.stdout).libraries.length, LIBRARIES.length);
  const wrong = await doctorCompat({ prot: 1 });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^error +configuration .*\n +prot: unknown key/);
  const unknown = await doctorCompat({}, ["some"]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /unknown option some\nusage: deno task doctor/);
});

Deno.test("docs/workers.md lists every library", async () => {
  const page = await Deno.readTextFile(`${ROOT}/docs/workers.md`);
  assert.deepEqual(LIBRARIES.filter(({ name }) => !page.includes(`**[${name}](`)), []);
});
