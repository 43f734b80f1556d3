import assert from "node:assert/strict";
import { join } from "node:path";
import { PythonError, Snakeden } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { startDen, tempDir } from "../fixtures/host.ts";

const LAZY = `
from snakeden import tool

@tool
def load():
    import no_such_package

@tool
def load_part():
    import snakeden.no_such_part
`;

Deno.test("Snakeden.execute() explains how to add a missing module", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "lazy.py"), LAZY);
  for (const carrier of ["socket", "grpc"] as const) {
    const pool = { name: "texts", size: 1, adapter: "lazy", modulePaths: [dir.path], carrier };
    await using den = await startDen(pool);
    const error = await den.execute("load", {}).then(() => null, (it: unknown) => it);
    assert.ok(error instanceof PythonError, String(error));
    assert.equal(error.python.message, "No module named 'no_such_package'");
    const missing = error.message.indexOf("No module named 'no_such_package'");
    const cure = error.message.indexOf("; install its package into the Python of pool texts; ");
    assert.ok(missing > 0 && cure > missing, error.message);
    assert.match(error.message, /\(pool texts runs Python 3\.\d+\.\d+\)$/);
    // The package is there, so there is nothing to install.
    await assert.rejects(den.execute("load_part", {}), (error: Error) => {
      assert.match(error.message, /the package 'snakeden' has no module 'no_such_part'/);
      return !error.message.includes("install");
    });
  }
});

Deno.test("Snakeden.start() names the Python that lacks a module of an adapter, and how to add it", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "eager.py"), "import no_such_package\n");
  const executable = await devPython();
  const starting = Snakeden.start({
    dataDir: join(dir.path, "data"),
    python: { executable },
    pools: [{ name: "texts", size: 1, adapter: "eager", modulePaths: [dir.path] }],
    readyTimeoutMs: 20_000,
  });
  await assert.rejects(starting, (error: Error) => {
    assert.match(error.message, /No module named 'no_such_package'/);
    const cure =
      `; install its package into the Python of pool texts; a module of your own needs ` +
      `its folder in modulePaths (pool texts runs Python `;
    assert.ok(error.message.includes(cure), error.message);
    assert.ok(error.message.includes(` at ${executable})`), error.message);
    return true;
  });
});
