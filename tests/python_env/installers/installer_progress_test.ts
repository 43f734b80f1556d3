import assert from "node:assert/strict";
import { InstallerProgress } from "../../../src/python_env/installers/installer_progress.ts";

function shown(lines: string[]): string[] {
  const out: string[] = [];
  const progress = new InstallerProgress((line) => out.push(line));
  lines.forEach((line) => progress.read(line));
  return out;
}

Deno.test("InstallerProgress.read() names each package that pip fetches and installs", () => {
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
    "Downloading grpcio 1.85.1 (6.8 MB)",
    "Fetching six",
    "Installing six, grpcio",
  ]);
});

Deno.test("InstallerProgress.read() names each package that uv installed", () => {
  const lines = [
    "Resolved 5 packages in 3ms",
    "Installed 2 packages in 10ms",
    " + grpcio==1.85.1",
    " + six==1.17.0",
  ];
  assert.deepEqual(shown(lines), ["Installed grpcio 1.85.1", "Installed six 1.17.0"]);
});

Deno.test("InstallerProgress.read() shows errors and retries", () => {
  assert.deepEqual(shown(["WARNING: Retrying (Retry(total=4))", "ERROR: no"]), [
    "WARNING: Retrying (Retry(total=4))",
    "ERROR: no",
  ]);
});

Deno.test("InstallerProgress.downloadedBytes adds up what pip and uv download, without metadata", () => {
  const progress = new InstallerProgress(() => {});
  for (
    const line of [
      "  Downloading grpcio-1.85.1-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (3.7 kB)",
      "Downloading grpcio-1.85.1-cp311-cp311-manylinux_2_17_x86_64.whl (6.8 MB)",
      "  Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)",
      "  Using cached numpy-2.4.0-cp311-cp311-linux_x86_64.whl (17.3 MB)",
      "Downloading polars (33.5MiB)",
      "Downloading dateutil-2.9.0.tar.gz (342 bytes)",
    ]
  ) progress.read(line);
  assert.equal(progress.downloadedBytes, 6_800_000 + 11_000 + 33.5 * 1024 * 1024 + 342);
});

Deno.test("InstallerProgress.read() names large downloads with their size", () => {
  assert.deepEqual(
    shown([
      "  Downloading torch-2.9.0+cpu-cp311-cp311-linux_x86_64.whl (1.2 GB)",
      "  Downloading https://index.test/a/foo-1.0.tar.gz (2.0 MB)",
      "Downloading polars (33.5MiB)",
      "  Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)",
    ]),
    [
      "Downloading torch 2.9.0+cpu (1200.0 MB)",
      "Downloading foo 1.0 (2.0 MB)",
      "Downloading polars (35.1 MB)",
    ],
  );
});
