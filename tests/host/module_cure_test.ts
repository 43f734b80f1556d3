import assert from "node:assert/strict";
import { moduleCure } from "../../src/host/module_cure.ts";

const VENV = {
  executable: "/d/bin/python",
  version: "3.11.7",
  environment: { path: "/d", build: undefined },
};

Deno.test("moduleCure() names the list to which a package belongs, and shows no paths to callers", () => {
  const own = moduleCure({ name: "images", python: { requirements: ["/r.txt"] } }, VENV);
  assert.equal(
    own.ofStarts,
    "add its package to python.requirements of pool images; a module of your own needs its " +
      "folder in modulePaths (pool images runs Python 3.11.7 at /d/bin/python)",
  );
  assert.ok(!own.ofCalls.includes("/"), own.ofCalls);
  const top = moduleCure({ name: "images", python: {} }, VENV);
  assert.match(top.ofCalls, /^add its package to python\.requirements; /);
});

Deno.test("moduleCure() asks for an installation into an interpreter of the user's own", () => {
  const python = { executable: "/v/bin/python", version: "3.12.1", environment: undefined };
  const cure = moduleCure({ name: "gpu", python: { executable: "/v/bin/python" } }, python);
  assert.match(cure.ofCalls, /^install its package into the Python of pool gpu; .* 3\.12\.1\)$/);
  assert.match(cure.ofStarts, /\(pool gpu runs Python 3\.12\.1 at \/v\/bin\/python\)$/);
});
