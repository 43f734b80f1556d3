import assert from "node:assert/strict";
import { join } from "node:path";
import { missingImports } from "../../src/python_env/mod.ts";

Deno.test("missingImports() names what does not import and why", async () => {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-imports-" });
  try {
    await Deno.writeTextFile(join(dir, "raises.py"), "raise ValueError('bad build')\n");
    await Deno.writeTextFile(join(dir, "talks.py"), "print('hello', end='')\n");
    await Deno.writeTextFile(join(dir, "dies.py"), "import os\nos._exit(9)\n");
    const env = { PATH: Deno.env.get("PATH") ?? "", PYTHONPATH: dir };
    const missing = await missingImports("python3", ["json", "talks", "raises", "no_such"], {
      env,
    });
    assert.deepEqual(missing.map((it) => it.module), ["raises", "no_such"]);
    assert.equal(missing[0]?.reason, "ValueError: bad build");
    const crashed = await missingImports("python3", ["json", "dies"], { env });
    assert.deepEqual(crashed.map((it) => it.module), ["dies"]);
    assert.match(crashed[0]?.reason ?? "", /exited with 9/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
