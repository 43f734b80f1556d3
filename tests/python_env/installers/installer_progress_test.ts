import assert from "node:assert/strict";
import { installerProgress } from "../../../src/python_env/installers/installer_progress.ts";

function shown(lines: string[]): string[] {
  const out: string[] = [];
  const onLine = installerProgress((line) => out.push(line));
  lines.forEach(onLine);
  return out;
}

Deno.test("installerProgress() names each package that pip fetches and installs", () => {
  const lines = [
    "Looking in links: /wheels",
    "Collecting grpcio==1.85.1 (from -r requirements.txt (line 1))",
    "  Downloading grpcio-1.85.1-cp311-manylinux.whl (6.8 MB)",
    "Collecting six (from dateutil)",
    "Installing collected packages: six, grpcio",
    "Successfully installed grpcio-1.85.1 six-1.17.0",
  ];
  assert.deepEqual(shown(lines), [
    "Fetching grpcio 1.85.1",
    "Fetching six",
    "Installing six, grpcio",
  ]);
});

Deno.test("installerProgress() names each package that uv installed", () => {
  const lines = [
    "Resolved 5 packages in 3ms",
    "Installed 2 packages in 10ms",
    " + grpcio==1.85.1",
    " + six==1.17.0",
  ];
  assert.deepEqual(shown(lines), ["Installed grpcio 1.85.1", "Installed six 1.17.0"]);
});

Deno.test("installerProgress() shows errors and retries", () => {
  assert.deepEqual(shown(["WARNING: Retrying (Retry(total=4))", "ERROR: no"]), [
    "WARNING: Retrying (Retry(total=4))",
    "ERROR: no",
  ]);
});
