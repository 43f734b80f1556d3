import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { type Libraries, librariesFindings, librariesOf } from "../../scripts/doctor/libraries.ts";
import type { Device, HardwareInfo } from "../../src/hardware/mod.ts";
import { tempDir } from "../fixtures/host.ts";
import { hardwareInfo } from "../fixtures/hardware_info.ts";
import { device } from "../hardware/placement/machines.ts";

const POOL = { name: "a", threads: 1 };
const PLAIN: Libraries = { torch: null, threads: null, freeThreaded: false, gil: true };

/** The one finding about PyTorch on a machine with these devices. */
async function torchFinding(
  torch: Partial<Libraries["torch"]>,
  ...devices: Device[]
): Promise<string> {
  const found = { version: "2.9.0", cuda: null, hip: null, xpu: null, ...torch };
  const [only, ...more] = await findingsOf({ torch: found }, hardwareInfo({ devices }));
  assert.deepEqual(more, []);
  return only ?? "";
}

async function findingsOf(
  libraries: Partial<Libraries>,
  info: HardwareInfo = hardwareInfo(),
): Promise<string[]> {
  const ask = (): Promise<Libraries> => Promise.resolve({ ...PLAIN, ...libraries });
  const findings = await librariesFindings(POOL, ask, info);
  return findings.map(({ state, text }) => `${state} ${text}`);
}

Deno.test("librariesFindings() says nothing about a plain Python", async () => {
  assert.deepEqual(await findingsOf({}), []);
});

Deno.test("librariesFindings() warns of a torch that cannot use the GPU", async () => {
  const cpuBuild = { version: "2.9.0+cpu" };
  const rocm = device({ kind: "rocm" });
  assert.equal(
    await torchFinding(cpuBuild, device()),
    "warning torch 2.9.0+cpu is built without CUDA, so it cannot use cuda:0",
  );
  assert.equal(
    await torchFinding(cpuBuild, rocm),
    "warning torch 2.9.0+cpu is built without ROCm, so it cannot use rocm:0",
  );
  assert.equal(await torchFinding({ hip: "6.2" }, rocm), "ok torch 2.9.0");
  assert.equal(await torchFinding(cpuBuild), "ok torch 2.9.0+cpu");
  assert.equal(
    await torchFinding(cpuBuild, device({ visible: false })),
    "ok torch 2.9.0+cpu",
  );
});

Deno.test("librariesFindings() warns of a driver whose CUDA has an older major version than torch's", async () => {
  const on = (cuda: string, runtime: string | null): Promise<string> =>
    torchFinding({ cuda }, device({ driver: "570.10", runtime }));
  assert.equal(
    await on("13.2", "12.8"),
    "warning torch 2.9.0 is built for CUDA 13.2; the driver 570.10 supports CUDA up to 12.8 only",
  );
  assert.equal(await on("12.8", "12.4"), "ok torch 2.9.0 is built for CUDA 12.8");
  assert.equal(await on("12.8", "13.0"), "ok torch 2.9.0 is built for CUDA 12.8");
  assert.equal(await on("12.8", null), "ok torch 2.9.0 is built for CUDA 12.8");
});

Deno.test("librariesFindings() compares the threads of libraries with those of the pool", async () => {
  const threads = (
    count: number,
  ): Libraries["threads"] => [{ library: "openblas", threads: count }];
  assert.deepEqual(await findingsOf({ threads: threads(1) }), ["ok threads: openblas 1"]);
  assert.deepEqual(await findingsOf({ threads: threads(8) }), [
    "warning threads: openblas 8; `libraryThreads` of the pool allows 1",
  ]);
});

Deno.test("librariesFindings() mentions a free-threaded Python", async () => {
  assert.deepEqual(await findingsOf({ freeThreaded: true, gil: false }), [
    "ok free-threaded Python; a worker still runs one call at a time",
  ]);
  assert.deepEqual(await findingsOf({ freeThreaded: true, gil: true }), [
    "ok free-threaded Python; a module or PYTHON_GIL has enabled its lock again; a worker " +
    "still runs one call at a time",
  ]);
});

Deno.test("librariesFindings() reports a Python that cannot be asked", async () => {
  const ask = (): Promise<Libraries> => librariesOf("/no/python", {});
  const [finding] = await librariesFindings(POOL, ask, hardwareInfo());
  assert.equal(finding?.state, "warning");
  assert.match(finding?.text ?? "", /^cannot be checked: .*\/no\/python/);
});

Deno.test("librariesOf() reads the build of torch without importing it, and the threads in use", async () => {
  await using dir = await tempDir();
  const write = async (name: string, text: string): Promise<void> => {
    await Deno.mkdir(join(dir.path, name, ".."), { recursive: true });
    await Deno.writeTextFile(join(dir.path, name), text);
  };
  await write("torch/__init__.py", "raise SystemExit('torch was imported')\n");
  await write(
    "torch/version.py",
    "from typing import Optional\n\n__all__ = ['__version__', 'cuda']\n" +
      "__version__ = '2.9.0+cu128'\ndebug = False\ncuda: Optional[str] = '12.8'\n" +
      "hip: Optional[str] = None\n",
  );
  await write(
    "threadpoolctl.py",
    "import os\n\ndef threadpool_info():\n" +
      "    return [{'internal_api': 'openblas', 'num_threads': int(os.environ['OMP_NUM_THREADS'])}]\n",
  );
  const env = { PYTHONPATH: dir.path, OMP_NUM_THREADS: "3" };
  assert.deepEqual(await librariesOf(await devPython(), env), {
    torch: { version: "2.9.0+cu128", cuda: "12.8", hip: null, xpu: null },
    threads: [{ library: "openblas", threads: 3 }],
    freeThreaded: false,
    gil: true,
  });
  assert.deepEqual(await librariesOf(await devPython(), {}), PLAIN);
});
