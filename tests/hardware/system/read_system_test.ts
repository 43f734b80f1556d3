/** Compares what is read with the commands of this machine, and with less permissions. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readMemory, readSystem, type SystemReading } from "../../../src/hardware/system/mod.ts";
import { ROOT } from "../../fixtures/host.ts";

const SYSTEM = new URL("../../../src/hardware/system/", import.meta.url);
const PRINT = `import { readSystem } from ${JSON.stringify(new URL("mod.ts", SYSTEM).href)};
console.log(JSON.stringify(await readSystem()));`;
/** The flag that deno.json has. */
const SYS = "--allow-sys=cpus,hostname,systemMemoryInfo";

/** `deno test` checks the types of a thread before it starts. */
const SLOWLY = { limitMs: 60_000 };

/** Returns the output of a command; undefined if the machine does not have it. */
async function outputOf(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(command, {
      args,
      env: { LC_ALL: "C" },
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Runs a program in a process of its own, with these flags; `before` is a line of a shell. */
async function run(
  flags: readonly string[],
  { program = PRINT, before = ":" }: { readonly program?: string; readonly before?: string } = {},
): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const deno = ["run", "--config=deno.json", "--no-prompt", `--allow-read`, ...flags, file];
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", `${before}; exec "$0" "$@"`, Deno.execPath(), ...deno],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(file);
  }
}

async function readingWith(...flags: string[]): Promise<SystemReading> {
  return JSON.parse(await run(flags));
}

Deno.test("readSystem() agrees with nproc, lscpu, hostname and /proc/meminfo", async () => {
  const { cpu, memory, hostname, platform, problems } = await readSystem(SLOWLY);
  assert.deepEqual(problems, []);
  assert.equal(platform, `${Deno.build.os}-${Deno.build.arch}`);
  const name = await outputOf("hostname");
  if (name !== undefined) assert.equal(hostname, name);
  const usable = await outputOf("nproc");
  // A quota of CPU time lowers the usable cores, and nproc does not know it.
  if (usable !== undefined) assert.ok(cpu.usableCores <= Number(usable));
  const all = await outputOf("nproc", "--all");
  if (all !== undefined) assert.equal(cpu.logicalCores, Number(all));
  const lscpu = await outputOf("lscpu");
  if (lscpu !== undefined) {
    const cell = (key: string): string =>
      new RegExp(`^ *${key}: *(.*)$`, "m").exec(lscpu)?.[1] ?? "";
    const cores = Number(cell("Core\\(s\\) per socket")) * Number(cell("Socket\\(s\\)"));
    if (cores > 0) assert.equal(cpu.physicalCores, cores);
    const plain = (text: string): string => text.replaceAll(/\(R\)|®|\(TM\)|™|CPU|\s/g, "");
    assert.equal(plain(cpu.model ?? ""), plain((cell("Model name").split("@")[0]) ?? ""));
    const flags = cell("Flags").split(" ");
    for (const it of ["avx", "avx2", "avx512f", "amx_tile"]) {
      assert.equal(cpu.features.includes(it), flags.includes(it), it);
    }
  }
  if (Deno.build.os !== "linux") return;
  const total = /^MemTotal: +(\d+) kB$/m.exec(await Deno.readTextFile("/proc/meminfo"))?.[1];
  assert.equal(memory.totalBytes, Number(total) * 1024);
  assert.ok((memory.availableBytes ?? 0) > 0);
});

Deno.test("readSystem() counts the cores that the affinity allows", async () => {
  if (await outputOf("taskset", "-c", "0", "true") === undefined) return;
  const { cpu } = JSON.parse(await run([SYS, "--allow-run"], { before: "taskset -pc 0 $$ >&-" }));
  assert.equal(cpu.usableCores, 1);
  assert.equal(cpu.logicalCores, (await readSystem(SLOWLY)).cpu.logicalCores);
});

Deno.test("readSystem() reads the same with the permissions of the tasks as with all", async () => {
  const narrow = await readingWith(SYS, "--allow-run", "--allow-env=PATH");
  const all = await readSystem(SLOWLY);
  assert.deepEqual(narrow.problems, []);
  assert.deepEqual(narrow.cpu, all.cpu);
  assert.equal(narrow.hostname, all.hostname);
  assert.equal(narrow.memory.totalBytes, all.memory.totalBytes);
});

Deno.test("readSystem() without the permission sys names the flag, and has the usable cores", async () => {
  const { cpu, memory, hostname, problems } = await readingWith("--allow-run", "--allow-env");
  assert.equal(cpu.usableCores, navigator.hardwareConcurrency);
  assert.deepEqual([cpu.model, cpu.logicalCores, hostname], [null, null, null]);
  assert.deepEqual(memory, { totalBytes: null, availableBytes: null, limitBytes: null });
  assert.deepEqual(problems.map((it) => [it.probe, it.what]), [
    ["cpu", "denied"],
    ["memory", "denied"],
    ["hostname", "denied"],
  ]);
  for (const { text } of problems) assert.ok(text.endsWith(`the permission ${SYS} is missing`));
});

Deno.test("readSystem() without the permission run, or with a list, still has model and cores", async () => {
  const { logicalCores } = (await readSystem(SLOWLY)).cpu;
  for (const flags of [[SYS], [SYS, "--allow-run=sh,lscpu"]]) {
    const { cpu, problems } = await readingWith(...flags);
    assert.deepEqual(problems.map((it) => [it.probe, it.what]), [["cpu", "denied"]]);
    assert.match(
      problems[0]?.text ?? "",
      /the permission --allow-run, for all programs, is missing/,
    );
    assert.equal(cpu.logicalCores, logicalCores);
    assert.equal(cpu.physicalCores, null);
  }
});

Deno.test("readSystem() starts no thread whose file the program may not read", async () => {
  const program = `const { readCpu } = await import(${
    JSON.stringify(new URL("read_cpu.ts", SYSTEM).href)
  });
Deno.permissions.revokeSync({ name: "read" });
console.log(JSON.stringify(await readCpu()));`;
  const { problems: [problem] } = JSON.parse(await run([SYS, "--allow-run"], { program }));
  assert.equal(problem.what, "denied");
  assert.ok(
    problem.text.includes(`--allow-read=${fileURLToPath(new URL("cpu_thread.ts", SYSTEM))}`),
  );
});

Deno.test("cpu_thread.ts tells of what the package throws where no catch sees it", async () => {
  // Without the permission, the package throws in a callback of process.nextTick.
  const program = `const thread = ${JSON.stringify(new URL("cpu_thread.ts", SYSTEM).href)};
const worker = new Worker(thread, { type: "module" });
worker.onmessage = ({ data }) => {
  console.log(JSON.stringify(data));
  worker.terminate();
};`;
  const message = JSON.parse(await run(["--allow-run"], { program }));
  assert.equal(message.kind, "failed");
  assert.match(message.text, /Requires sys access to "cpus"/);
});

/** Makes a group with a limit of memory; undefined where this user cannot make one. */
async function memoryGroup(
  limitBytes: number,
): Promise<AsyncDisposable & { readonly path: string } | undefined> {
  const own = (await Deno.readTextFile("/proc/self/cgroup").catch(() => "")).split("\n");
  const one = own.map((it) => /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/.exec(it)?.[1])
    .find((it) => it !== undefined);
  const two = own.map((it) => /^0::(.*)$/.exec(it)?.[1]).find((it) => it !== undefined);
  const [parent, file] = one === undefined
    ? [`/sys/fs/cgroup${two ?? ""}`, "memory.max"]
    : [`/sys/fs/cgroup/memory${one}`, "memory.limit_in_bytes"];
  const path = `${parent}/snakeden-test-${Deno.pid}`;
  try {
    await Deno.mkdir(path);
  } catch {
    return undefined;
  }
  const remove = (): Promise<void> => Deno.remove(path);
  try {
    await Deno.writeTextFile(`${path}/${file}`, `${limitBytes}`);
  } catch {
    await remove();
    return undefined;
  }
  return { path, [Symbol.asyncDispose]: remove };
}

/** Returns true where {@link memoryGroup} makes one. */
async function canMakeGroup(): Promise<boolean> {
  await using group = await memoryGroup(2 ** 30);
  return group !== undefined;
}

Deno.test({
  name: "readMemory() has the limit of the group of this process, and what is left of it",
  ignore: !await canMakeGroup(),
}, async () => {
  const { totalBytes, availableBytes } = (await readMemory()).memory;
  const limitBytes = 2 ** 30;
  await using group = await memoryGroup(limitBytes);
  assert.ok(group !== undefined);
  const before = `echo $$ > ${group.path}/cgroup.procs`;
  const { memory, problems } = JSON.parse(await run([SYS, "--allow-run"], { before }));
  assert.deepEqual(problems, []);
  assert.equal(memory.totalBytes, totalBytes);
  assert.equal(memory.limitBytes, limitBytes);
  assert.ok(memory.availableBytes > 0 && memory.availableBytes < limitBytes);
  assert.ok(memory.availableBytes < (availableBytes ?? 0));
  const unread = JSON.parse(await run([SYS], { before }));
  assert.deepEqual(unread.memory, { totalBytes, availableBytes: null, limitBytes });
  const ofMemory = unread.problems.find(({ probe }: { probe: string }) => probe === "memory");
  assert.equal(ofMemory.what, "denied");
  assert.match(ofMemory.text, /--allow-run, for all programs, is missing$/);
});
