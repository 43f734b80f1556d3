import assert from "node:assert/strict";
import {
  FALLBACK_FIELDS,
  profileBytes,
  QUERY_FIELDS,
  readCudaVersion,
  readGpuList,
  readGpuRows,
} from "../../../src/hardware/probes/nvidia_tables.ts";

const MIB = 1024 * 1024;

/** Lines of real machines, with other ids, and the values that matter in each. */
const RECORDED: readonly (readonly [string, Record<string, unknown>])[] = [
  [
    "0, GPU-00000000-0000-0000-0000-000000000001, 00000000:00:03.0, NVIDIA L4, 8.9, 595.71.05, " +
    "[N/A], 23034, 22563, 0, 41, 16.23",
    {
      index: 0,
      uuid: "GPU-00000000-0000-0000-0000-000000000001",
      name: "NVIDIA L4",
      arch: "8.9",
      driver: "595.71.05",
      isMig: false,
      memoryBytes: 23_034 * MIB,
      freeBytes: 22_563 * MIB,
      unified: false,
      utilization: 0,
      temperatureCelsius: 41,
      powerWatts: 16.23,
    },
  ],
  [
    "0, GPU-2, 00000000:17:00.0, NVIDIA H100 80GB HBM3, 9.0, 580.95.05, Disabled, 81559, 81007, 0, " +
    "31, 70.12",
    { name: "NVIDIA H100 80GB HBM3", isMig: false, memoryBytes: 81_559 * MIB, powerWatts: 70.12 },
  ],
  [
    "0, GPU-4, 0000000F:01:00.0, NVIDIA GB10, 12.1, 580.95.05, [N/A], [N/A], [N/A], 0, 38, 4.02",
    { name: "NVIDIA GB10", memoryBytes: null, freeBytes: null, unified: true, utilization: 0 },
  ],
  ...([
    ["NVIDIA GeForce RTX 4080 SUPER", 16_376],
    ["NVIDIA GeForce RTX 3090", 24_576],
    ["NVIDIA GeForce RTX 5070 Ti", 16_303],
    ["NVIDIA A100-SXM4-40GB", 40_960],
    ["NVIDIA H200-141C", 144_384],
  ] as const).map(([name, mib]) =>
    [
      `3, GPU-5, 00000000:01:00.0, ${name}, 8.0, 580.95.05, Disabled, ${mib}, ${mib}, 100, 80, 300`,
      { index: 3, name, memoryBytes: mib * MIB, freeBytes: mib * MIB, utilization: 1 },
    ] as const
  ),
];

Deno.test("readGpuRows() reads the lines recorded on real machines", () => {
  for (const [line, expected] of RECORDED) {
    const { rows, unreadable } = readGpuRows(`${line}\n`, QUERY_FIELDS);
    assert.deepEqual(unreadable, [], line);
    assert.equal(rows.length, 1, line);
    assert.partialDeepStrictEqual(rows[0], expected, line);
  }
});

Deno.test("readGpuRows() moves no cell for a number with a comma, which it reads as null", () => {
  const start = "0, GPU-1, 00000000:00:03.0, NVIDIA L4, with a comma";
  const rest = "595.71.05, [N/A], 23034, 22563, 0, 41";
  for (
    const [text, arch] of [[`${start}, 8.9, ${rest}, 16,23`, "8.9"], [
      `${start}, 8,9, ${rest}, 16,23`,
      null,
    ]] as const
  ) {
    const { rows, unreadable } = readGpuRows(text, QUERY_FIELDS);
    assert.deepEqual(unreadable, []);
    assert.partialDeepStrictEqual(rows[0], {
      name: "NVIDIA L4, with a comma",
      arch,
      driver: "595.71.05",
      memoryBytes: 23_034 * MIB,
      freeBytes: 22_563 * MIB,
      utilization: 0,
      temperatureCelsius: 41,
      powerWatts: null,
    });
  }
  const dense = "0,GPU-1,00000000:00:03.0,NVIDIA L4,8.9,595.71.05,[N/A],23034,22563,0,41,16.23";
  assert.equal(readGpuRows(dense, QUERY_FIELDS).rows[0]?.powerWatts, 16.23);
  assert.deepEqual(readGpuRows(dense.replace("16.23", "16,23"), QUERY_FIELDS).rows, []);
});

Deno.test("readGpuRows() reads a cell without a value as null, never as 0", () => {
  const cells = [
    "[N/A]",
    "[Not Supported]",
    "[Unknown Error]",
    "[GPU requires reset]",
    "[Insufficient Permissions]",
    "N/A",
    "Not Supported",
    "Unknown Error",
    "GPU requires reset",
    "Insufficient Permissions",
    "ERR!",
    "",
    "12 apples",
    "-1",
    "NaN",
    "0x10",
    "1e400",
  ];
  for (const cell of cells) {
    const numbers = Array(5).fill(cell).join(", ");
    const text = `0, GPU-1, 00000000:01:00.0, NVIDIA L4, ${cell}, 580.95.05, [N/A], ${numbers}`;
    const { rows: [row], unreadable } = readGpuRows(text, QUERY_FIELDS);
    assert.deepEqual(unreadable, [], cell);
    assert.partialDeepStrictEqual(row, {
      memoryBytes: null,
      freeBytes: null,
      utilization: null,
      temperatureCelsius: null,
      powerWatts: null,
    }, cell);
    assert.equal(row?.unified, /^\[?(?:N\/A|Not Supported)\]?$/.test(cell), cell);
  }
});

Deno.test("readGpuRows() reads a memory of 0 as unknown", () => {
  const text = "0, GPU-1, 00000000:01:00.0, NVIDIA L4, 580.95.05, 0, 0";
  assert.partialDeepStrictEqual(readGpuRows(text, FALLBACK_FIELDS).rows[0], {
    memoryBytes: null,
    unified: false,
    isMig: null,
    utilization: null,
  });
});

Deno.test("readGpuRows() reads no share above 1", () => {
  const text = "0, GPU-1, 00000000:01:00.0, NVIDIA L4, 8.9, 580, [N/A], 100, 90, 101, 41, 16";
  assert.equal(readGpuRows(text, QUERY_FIELDS).rows[0]?.utilization, null);
});

Deno.test("readGpuRows() keeps a name with commas whole", () => {
  const text = "0, GPU-1, 00000000:01:00.0, NVIDIA L4, special, rev 2, 580.95.05, 100, 90";
  const [row] = readGpuRows(text, FALLBACK_FIELDS).rows;
  assert.equal(row?.name, "NVIDIA L4, special, rev 2");
  assert.equal(row?.memoryBytes, 100 * MIB);
});

Deno.test("readGpuRows() reads no row out of an endless line", () => {
  const start = "0, GPU-1, 00000000:01:00.0, NVIDIA L4";
  const text = `${start}${", x".repeat(2_000)}, 580.95.05, 100, 90`;
  assert.deepEqual(readGpuRows(text, FALLBACK_FIELDS), { rows: [], unreadable: [text] });
});

Deno.test("readGpuRows() keeps the rows that can be read, and names the others", () => {
  const row = (index: number | string): string =>
    `${index}, GPU-${index}, 00000000:01:00.0, NVIDIA L4, 580.95.05, 100, 90`;
  const broken = [
    "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error",
    "2, GPU-2, 00000000:01:00.0, NVIDIA L",
    row("x"),
    "4, XYZ-4, 00000000:01:00.0, NVIDIA L4, 580.95.05, 100, 90",
    "5, GPU-5, somewhere, NVIDIA L4, 580.95.05, 100, 90",
    "6, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]",
    row(1),
  ];
  const { rows, unreadable } = readGpuRows([row(7), row(1), ...broken].join("\n"), FALLBACK_FIELDS);
  assert.deepEqual(rows.map(({ index }) => index), [1, 7]);
  assert.deepEqual(unreadable, broken);
});

Deno.test("readGpuList() reads MIG instances in the old and in the new form", () => {
  const { rows, unreadable } = readGpuList(`
GPU 0: A100-SXM4-40GB (UUID: GPU-00000000-0000-0000-0000-000000000002)
  MIG 1g.5gb Device 0: (UUID: MIG-GPU-00000000-0000-0000-0000-000000000002/7/0)
GPU 1: NVIDIA H100 (UUID: GPU-3)
GPU 2: NVIDIA H100 (UUID: GPU-4)
  MIG 1g.12gb     Device  0: (UUID: MIG-00000000-0000-0000-0000-000000000003)
  MIG 1g.10gb+me  Device  1: (UUID: MIG-00000000-0000-0000-0000-000000000004)
  MIG nonsense
`);
  assert.deepEqual(rows.map(({ index, instances }) => [index, instances]), [
    [0, [{
      number: 0,
      profile: "1g.5gb",
      uuid: "MIG-GPU-00000000-0000-0000-0000-000000000002/7/0",
    }]],
    [1, []],
    [2, [
      { number: 0, profile: "1g.12gb", uuid: "MIG-00000000-0000-0000-0000-000000000003" },
      { number: 1, profile: "1g.10gb+me", uuid: "MIG-00000000-0000-0000-0000-000000000004" },
    ]],
  ]);
  assert.deepEqual(unreadable, ["  MIG nonsense"]);
});

Deno.test("readGpuList() gives no instance to a GPU whose line it cannot read", () => {
  const instance = "  MIG 1g.5gb Device 0: (UUID: MIG-1)";
  const { rows, unreadable } = readGpuList(`GPU 0: A (UUID: GPU-1)\nGPU one\n${instance}`);
  assert.deepEqual(rows, [{ index: 0, uuid: "GPU-1", instances: [] }]);
  assert.deepEqual(unreadable, ["GPU one", instance]);
});

Deno.test("profileBytes() reads the gigabytes in the name of a profile", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["1g.5gb", 5e9],
    ["1g.10gb+me", 10e9],
    ["1c.3g.20gb", 20e9],
    ["7g.141gb", 141e9],
    ["1g", null],
    ["0g.0gb", null],
  ];
  for (const [profile, bytes] of cases) assert.equal(profileBytes(profile), bytes, profile);
});

Deno.test("readCudaVersion() finds the version in the header, and only there", () => {
  const header = "| NVIDIA-SMI 580.95.05   Driver Version: 580.95.05      CUDA Version: 13.0     |";
  assert.equal(readCudaVersion(header), "13.0");
  assert.equal(readCudaVersion("| NVIDIA-SMI 390.1  Driver Version: 390.1 |"), null);
  assert.equal(readCudaVersion("CUDA Version: N/A"), null);
});
