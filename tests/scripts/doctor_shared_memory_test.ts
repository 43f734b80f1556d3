import assert from "node:assert/strict";
import { type Finding } from "../../scripts/doctor/finding.ts";
import { sharedMemoryFinding } from "../../scripts/doctor/shared_memory.ts";

const MIB = 2 ** 20;
const EXT4 = 0xef53;
const TMPFS = 0x0102_1994;

/** The finding about a pool of 2 workers in a container of 1 GiB. */
function findingOn(type: number, sharedMemoryBytes: number): Promise<Finding> {
  const pools = [
    { size: 2, carrier: "socket", sharedMemoryBytes },
    { size: 9, carrier: "grpc", sharedMemoryBytes },
  ] as const;
  return sharedMemoryFinding("/data", pools, {
    memory: { totalBytes: 64 * 1024 * MIB, availableBytes: null, limitBytes: 1024 * MIB },
    typeOf: (path) => {
      assert.equal(path, "/data");
      return Promise.resolve(type);
    },
  });
}

Deno.test("sharedMemoryFinding() warns of files in memory that may take over half of the limit", async () => {
  const half = await findingOn(TMPFS, 128 * MIB);
  assert.equal(half.state, "ok");
  assert.equal(
    half.text,
    "files in /data/run, which are kept in memory: up to 512 MiB of 1024 MiB",
  );
  const more = await findingOn(TMPFS, 129 * MIB);
  assert.equal(more.state, "warning");
  assert.match(more.mend ?? "", /sharedMemoryBytes/);
});

Deno.test("sharedMemoryFinding() accepts any size on a disk", async () => {
  const finding = await findingOn(EXT4, 4096 * MIB);
  assert.equal(finding.state, "ok");
  assert.equal(finding.text, "files in /data/run, on a disk");
});

Deno.test({
  name: "sharedMemoryFinding() recognizes a folder that Linux keeps in memory",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const dataDir = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "snakeden-test-" });
    try {
      const memory = { totalBytes: null, availableBytes: null, limitBytes: null };
      const finding = await sharedMemoryFinding(dataDir, [], { memory });
      assert.match(finding.text, /which are kept in memory: up to 0 MiB$/);
    } finally {
      await Deno.remove(dataDir);
    }
  },
});
