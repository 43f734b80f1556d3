import assert from "node:assert/strict";
import { describeOthers, describePython } from "../../scripts/setup/report.ts";

const BUILD = {
  installedBytes: 47_203_022,
  downloadedBytes: 8_334_000,
  seconds: 9.123,
  requirements: ["/app/a.txt", "/app/b.txt"],
};

const PYTHON = {
  executable: "/d/python/0123/bin/python",
  version: "3.11.7",
  built: true,
  environment: { path: "/d/python/0123", build: BUILD },
  release: (): void => {},
  [Symbol.dispose]: (): void => {},
};

Deno.test("describePython() tells which pools use an environment, its size, its time and its download", () => {
  assert.equal(
    describePython(PYTHON, ["a", "b"]),
    "Python 3.11.7 for pools a, b: /d/python/0123/bin/python\n" +
      "  47.2 MB installed; built just now in 9.1 s, with 8.3 MB downloaded\n" +
      "  requirements: /app/a.txt, /app/b.txt",
  );
});

Deno.test("describePython() tells of a build without a download, and of one that is not known", () => {
  const build = { ...BUILD, downloadedBytes: 0, requirements: [] };
  assert.equal(
    describePython({ ...PYTHON, built: false, environment: { path: "/d", build } }),
    "Python 3.11.7 for the workers: /d/python/0123/bin/python\n" +
      "  47.2 MB installed; built earlier in 9.1 s, with nothing downloaded",
  );
  assert.equal(
    describePython({ ...PYTHON, environment: { path: "/d", build: undefined } }, ["a"]),
    "Python 3.11.7 for pool a: /d/python/0123/bin/python",
  );
});

Deno.test("describeOthers() tells what else is kept, its size and its last use", () => {
  const nowMs = 100 * 24 * 60 * 60 * 1000;
  const other = {
    path: "/d/python/4567",
    version: "3.11.7",
    installedBytes: 45_900_000,
    build: BUILD,
    inUse: false,
    usedMs: nowMs - 3.5 * 24 * 60 * 60 * 1000,
    kind: "workers" as const,
  };
  assert.equal(
    describeOthers([
      other,
      { ...other, inUse: true, build: undefined },
      { ...other, version: null, kind: "dev" as const, build: undefined, usedMs: nowMs },
    ], nowMs),
    "Kept, but not used by this configuration: 3 (137.7 MB). A build removes those unused for 14 days.\n" +
      "  /d/python/4567: 45.9 MB, Python 3.11.7, not used for 3 days, requirements: /app/a.txt, /app/b.txt\n" +
      "  /d/python/4567: 45.9 MB, Python 3.11.7, in use by another process\n" +
      "  /d/python/4567: 45.9 MB, its Python is gone, for tests and checks, used within the last day",
  );
});
