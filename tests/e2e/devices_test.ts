import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { ADAPTERS, HostProcess, ROOT, SERVE, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { fakeNvidiaSmi, type VendorTools } from "../fixtures/vendor_tools.ts";

const NAMES = ["CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "XLA_PYTHON_CLIENT_MEM_FRACTION"];

/** Makes a folder with a fake `nvidia-smi` for a machine with some GPUs. */
function machineWith(count: number): Promise<VendorTools> {
  return fakeNvidiaSmi({ gpus: Array.from({ length: count }, () => ({})) });
}

/** Writes a configuration file with these pools; returns its path. */
async function configFile(dir: string, pools: readonly unknown[]): Promise<string> {
  const file = join(dir, "snakeden.config.json");
  await Deno.writeTextFile(file, JSON.stringify({ pools }));
  return file;
}

/** Runs a call in each of the workers of a pool at once; returns their variables by worker. */
async function variablesOf(
  url: string,
  pool: string,
  count: number,
): Promise<Record<string, (string | null)[]>> {
  await using folder = await tempDir();
  const answers = await Promise.all(Array.from({ length: count }, async () => {
    const response = await fetch(`${url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        tool: "meet",
        pool,
        args: { folder: folder.path, count, names: NAMES },
      }),
    });
    const answer = await response.json();
    assert.ok(response.ok, JSON.stringify(answer));
    return [answer.workerId, NAMES.map((name) => answer.result[name])] as const;
  }));
  return Object.fromEntries(answers);
}

Deno.test("given pools with devices, each worker sees its own device and no other", async () => {
  await using dir = await tempDir();
  await using tools = await machineWith(4);
  const adapter = { adapter: "meets_others", modulePaths: [ADAPTERS] };
  const file = await configFile(dir.path, [
    { name: "one", ...adapter, devices: ["cuda:2", "cuda:0"] },
    { name: "two", ...adapter, devices: ["cuda:1", "cuda:3"], workersPerDevice: 2 },
    { name: "host", ...adapter, size: 1 },
    { name: "none", ...adapter, size: 1, devices: "cpu" },
  ]);
  await using server = await ServerProcess.start({
    dataDir: join(dir.path, "data"),
    env: { SNAKEDEN_CONFIG: file, PATH: tools.path, CUDA_VISIBLE_DEVICES: "0,1,2,3" },
  });
  const { pools } = await (await fetch(`${server.url}/v1/pools`)).json();
  assert.deepEqual(pools.map(({ size }: { size: number }) => size), [2, 4, 1, 1]);
  assert.deepEqual(await variablesOf(server.url, "one", 2), {
    "one-1": ["2", "PCI_BUS_ID", null],
    "one-2": ["0", "PCI_BUS_ID", null],
  });
  assert.deepEqual(await variablesOf(server.url, "two", 4), {
    "two-1": ["1", "PCI_BUS_ID", "0.45"],
    "two-2": ["3", "PCI_BUS_ID", "0.45"],
    "two-3": ["1", "PCI_BUS_ID", "0.45"],
    "two-4": ["3", "PCI_BUS_ID", "0.45"],
  });
  assert.deepEqual(await variablesOf(server.url, "host", 1), {
    "host-1": ["0,1,2,3", null, null],
  });
  assert.deepEqual(await variablesOf(server.url, "none", 1), { "none-1": ["-1", null, null] });
  assert.match(server.stderr, /pool two: 4 workers on cuda:1 \(2\), cuda:3 \(2\)/);
});

Deno.test("given no pool with devices, the start does not look for any", async () => {
  await using dir = await tempDir();
  await using tools = await machineWith(1);
  const file = await configFile(dir.path, [
    { name: "default", size: 1 },
    { name: "processor", size: 1, devices: "cpu" },
  ]);
  await using _server = await ServerProcess.start({
    dataDir: join(dir.path, "data"),
    env: { SNAKEDEN_CONFIG: file, PATH: tools.path },
  });
  assert.deepEqual(await tools.calls("nvidia-smi"), []);
});

for (
  const [title, pool, env, says] of [
    [
      "is not there",
      { devices: ["cuda:9"] },
      {},
      /this machine has cuda:0 \(NVIDIA L4\).*\n {2}pool default: cuda:9: it was not found/,
    ],
    [
      "is hidden",
      { devices: "cuda" },
      { CUDA_VISIBLE_DEVICES: "-1" },
      /pool default: cuda: CUDA_VISIBLE_DEVICES=-1 in the environment of the host hides it/,
    ],
    [
      "has too little memory",
      { devices: "cuda", workersPerDevice: 2, deviceMemoryPerWorkerBytes: 16e9 },
      {},
      /pools\[0\]\.deviceMemoryPerWorkerBytes: .* 30518 MiB of cuda:0 .* which has 23034 MiB/,
    ],
    [
      "does not suit the size",
      { devices: ["cuda:0", "cpu"], size: 3 },
      {},
      /pools\[0\]\.size: given 3, which is not a multiple of its 2 devices/,
    ],
  ] as const
) {
  Deno.test(`given a device that ${title}, the start fails and says why`, async () => {
    await using dir = await tempDir();
    await using tools = await machineWith(1);
    const file = await configFile(dir.path, [{ name: "default", ...pool }]);
    await using server = new HostProcess(
      [...SERVE, `--allow-write=/tmp,${dir.path}`, join(ROOT, "main.ts"), "--port", "0"],
      {
        env: {
          SNAKEDEN_CONFIG: file,
          SNAKEDEN_DATA_DIR: join(dir.path, "data"),
          SNAKEDEN_PYTHON: await devPython(),
          PATH: tools.path,
          ...env,
        },
      },
    );
    const { code, stdout, stderr } = await server.finished();
    assert.match(stderr, says);
    assert.notEqual(code, 0);
    assert.equal(stdout, "");
  });
}

Deno.test("main() with --dev keeps its pools for an edit with devices that are not there, and starts with it waits for a repair", async () => {
  await using dir = await tempDir();
  await using tools = await machineWith(2);
  const write = (devices: unknown): Promise<string> =>
    configFile(dir.path, [{ name: "default", devices }]);
  const file = await write(["cuda:7"]);
  await using server = new HostProcess(
    [...SERVE, `--allow-write=/tmp,${dir.path}`, join(ROOT, "main.ts"), "--dev", "--port", "0"],
    {
      env: {
        SNAKEDEN_CONFIG: file,
        SNAKEDEN_DATA_DIR: join(dir.path, "data"),
        SNAKEDEN_PYTHON: await devPython(),
        PATH: tools.path,
      },
    },
  );
  const shows = (text: string): Promise<unknown> =>
    until(() => server.stderr.includes(text), `${text} in ${server.stderr}`);
  const urls = (): string[] => server.stdout.match(/http:\S+/g) ?? [];
  const sizeOf = async (url = ""): Promise<number> =>
    (await (await fetch(`${url}/v1/pools`)).json()).pools[0].size;
  await shows("cuda:7: it was not found");
  await shows(`waiting for an edit of ${file}`);

  await write(["cuda:1"]);
  await until(() => urls().length === 1, "the first start");
  await write(["cuda:8"]);
  await shows("the server keeps its old configuration");
  await shows("cuda:8: it was not found");
  assert.equal(await sizeOf(urls()[0]), 1);

  await write("cuda");
  await until(() => urls().length === 2, "the restart");
  assert.equal(await sizeOf(urls()[1]), 2);
  server.kill("SIGTERM");
  assert.equal((await server.finished()).code, 0, server.stderr);
});
