import assert from "node:assert/strict";
import { type Config, type ConfigInput, parseConfig } from "../../../src/config/mod.ts";
import { type HardwareInfo, logPlacements, placeConfig } from "../../../src/hardware/mod.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { device, gpus, machine, MIB } from "./machines.ts";

/** A source of hardware that counts how often it was asked. */
class Source {
  asked = 0;
  readonly #info: HardwareInfo;

  constructor(info: HardwareInfo) {
    this.#info = info;
  }

  detect(): Promise<HardwareInfo> {
    this.asked++;
    return Promise.resolve(this.#info);
  }
}

function configOf(...pools: NonNullable<ConfigInput["pools"]>): Config {
  return parseConfig({ pools });
}

Deno.test("placeConfig() looks at the hardware only for pools that ask for devices", async () => {
  const source = new Source(gpus(2));
  const plain = configOf({ name: "a", size: 3 }, { name: "b", devices: "cpu" });
  const { config } = await placeConfig(plain, source);
  assert.equal(source.asked, 0);
  assert.equal(config.pools[0]?.size, 3);
  await placeConfig(configOf({ name: "a" }, { name: "b", devices: "cuda" }), source);
  assert.equal(source.asked, 1);
});

Deno.test("placeConfig() fills in the sizes and changes nothing else", async () => {
  const given = configOf({ name: "a", devices: "cuda", workersPerDevice: 3 }, { name: "b" });
  const { config } = await placeConfig(given, new Source(gpus(2)));
  assert.equal(config.pools[0]?.size, 6);
  const [first, ...others] = config.pools;
  assert.deepEqual({ ...config, pools: [{ ...first, size: undefined }, ...others] }, {
    ...given,
    pools: given.pools.map((it) => ({ ...it, size: it.size })),
  });
  assert.deepEqual(parseConfig(config), config);
});

Deno.test("placeConfig() passes on the reason for which the detection was given up", async () => {
  const abort = new AbortController();
  const source = {
    detect: async (
      { signal }: { signal?: AbortSignal | undefined } = {},
    ): Promise<HardwareInfo> => {
      abort.abort(new Error("enough"));
      await Promise.resolve();
      signal?.throwIfAborted();
      return gpus(1);
    },
  };
  const placed = placeConfig(configOf({ name: "a", devices: "auto" }), source, abort.signal);
  await assert.rejects(placed, { message: "enough" });
});

Deno.test("logPlacements() writes a line for each pool with devices, and its warnings", async () => {
  const hardware = machine([
    device(),
    device({ index: 1 }),
    device({ kind: "xpu", memoryBytes: null }),
  ]);
  const placed = await placeConfig(
    configOf(
      { name: "a" },
      { name: "b", devices: "cuda", workersPerDevice: 2 },
      { name: "c", devices: "xpu", deviceMemoryPerWorkerBytes: MIB },
    ),
    new Source(hardware),
  );
  await using sink = new LogSink();
  logPlacements(placed);
  const lines = (await sink.text()).trim().split("\n").map((it) => it.replace(/^\S+ /, ""));
  assert.deepEqual(lines.map((it) => it.replace(/ pool=.*/, "")), [
    "INFO  pool  pool b: 4 workers on cuda:0 (2), cuda:1 (2)",
    "INFO  pool  pool c: 1 worker on xpu:0 (1)",
    "WARN  pool  pool c: its reservations are not checked, since the memory of xpu:0 is unknown",
  ]);
});
