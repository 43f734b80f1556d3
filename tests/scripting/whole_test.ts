import assert from "node:assert/strict";
import { join } from "node:path";
import * as library from "../../mod.ts";
import * as whole from "../../src/scripting/whole.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { ROOT, tempDir } from "../fixtures/host.ts";
import { runProgram } from "./script_process.ts";

Deno.test("the module snakeden of script jobs has the names of the library but a few", () => {
  const missing = Object.keys(library).filter((it) => !(it in whole));
  assert.deepEqual(missing, ["Value", "configureLogging", "hostToolStubs", "toolTypes"]);
});

Deno.test("the module snakeden of script jobs loads neither packages nor the host", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "src/scripting/whole.ts"],
    cwd: ROOT,
  }).output();
  const info: { modules: { specifier: string; dependencies?: Dependency[] }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const imports = new Map(info.modules.map(({ specifier, dependencies = [] }) => [
    specifier,
    dependencies.flatMap(({ code }) => code?.specifier ?? []),
  ]));
  const loaded = new Set<string>();
  const load = (specifier: string): void => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    imports.get(specifier)?.forEach(load);
  };
  load(new URL("../../src/scripting/whole.ts", import.meta.url).href);
  const parts = new Set([...loaded].map((it) => /\/src\/([^/]+)/.exec(it)?.[1] ?? it));
  const allowed = ["scripting", "client", "values", "async", "json", "node:path"];
  const files = ["errors.ts", "environment_names.ts", "granted.ts", "near_names.ts"];
  assert.deepEqual(
    [...parts].filter((it) => ![...allowed, ...files, "typed_error.ts"].includes(it)),
    [],
  );
});

interface Dependency {
  readonly code?: { readonly specifier?: string };
}

Deno.test("runAsScript() of script jobs starts a host, as the library does", async () => {
  await using dir = await tempDir();
  const { code, stdout, stderr } = await runProgram(
    `import { runAsScript } from "snakeden";
     console.log(await runAsScript((den) => den.execute("add", { a: 2, b: 3 }), {
       pools: [{ name: "default", size: 1 }],
     }));`,
    { env: { SNAKEDEN_DATA_DIR: join(dir.path, "data"), SNAKEDEN_PYTHON: await devPython() } },
  );
  assert.deepEqual([code, stdout], [0, "5\n"], stderr);
});
