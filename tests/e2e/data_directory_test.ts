/** Tests what another user of the machine can read and change of the files of a host. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import {
  ADAPTERS,
  HostProcess,
  isAlive,
  ROOT,
  SERVE,
  ServerProcess,
  startDen,
  tempDir,
} from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

/** Returns the paths below `root` that others may read, change or enter. */
function openPaths(root: string): string[] {
  const open = (path: string): string[] => {
    const { mode, isDirectory, isSymlink } = Deno.lstatSync(path);
    if (isSymlink) return [];
    const own = ((mode ?? 0) & 0o077) === 0 ? [] : [`${path} ${((mode ?? 0) & 0o777).toString(8)}`];
    const inner = isDirectory
      ? [...Deno.readDirSync(path)].flatMap(({ name }) => open(join(path, name)))
      : [];
    return [...own, ...inner];
  };
  return open(root);
}

const MAIN = [...SERVE, "--allow-write", join(ROOT, "main.ts")];

Deno.test("main() creates a data directory that is closed to others, regardless of the umask", async () => {
  await using dir = await tempDir();
  const dataDir = join(dir.path, "data");
  await using server = new HostProcess(
    [
      "eval",
      `
      Deno.umask(0);
      const child = new Deno.Command(Deno.execPath(), { args: ${JSON.stringify(MAIN)} }).spawn();
      Deno.addSignalListener("SIGTERM", () => child.kill("SIGTERM"));
      Deno.exit((await child.status).code);`,
    ],
    {
      env: {
        SNAKEDEN_DATA_DIR: dataDir,
        SNAKEDEN_PYTHON: await devPython(),
        SNAKEDEN_PORT: "0",
      },
    },
  );
  await until(
    () => {
      if (server.ended) throw new Error(server.stderr);
      return server.stdout.includes("listening");
    },
    "the server to listen",
    { timeoutMs: 60_000 },
  );
  assert.deepEqual(openPaths(dataDir), []);
  assert.ok([...Deno.readDirSync(join(dataDir, "store"))].length >= 3);
  server.kill("SIGTERM");
  assert.equal((await server.finished()).code, 0);
});

Deno.test("main() keeps the mode of an existing data directory, and warns if others may change it", async () => {
  await using dir = await tempDir();
  for (const [mode, warns] of [[0o755, false], [0o777, true]] as const) {
    await Deno.chmod(dir.path, mode);
    await using server = await ServerProcess.start({ dataDir: dir.path });
    assert.equal((Deno.statSync(dir.path).mode ?? 0) & 0o777, mode);
    assert.equal(
      /others may write into .* \(mode 0777\)/.test(server.stderr),
      warns,
      server.stderr,
    );
    server.kill("SIGTERM");
    assert.equal((await server.finished()).code, 0);
  }
});

const isRoot = Deno.uid() === 0;

Deno.test({
  name:
    "Snakeden.start() leaves the workers of a live host alone, whose run another user has faked in /tmp" +
    (isRoot ? "" : " (skipped: only root can be two users)"),
  ignore: !isRoot,
  fn: async () => {
    await using live = await startDen({ adapter: "snakeden.demo", size: 2 });
    const pids = live.workers.list().flatMap(({ pid }) => pid ?? []);
    assert.equal(pids.length, 2);
    await using dir = await tempDir();
    const victim = join(dir.path, "any_file");
    await Deno.writeTextFile(victim, "");
    const planted = `/tmp/snakeden-run-${live.runId}`;
    const plant =
      `mkdir ${planted} && ln -s ${victim} ${planted}/host.lock && : > ${planted}/link.sock`;
    const { success } = await new Deno.Command("setpriv", {
      args: ["--reuid=65534", "--clear-groups", "sh", "-c", plant],
    }).output();
    assert.ok(success);
    try {
      await using _other = await startDen(
        { adapter: "snakeden.demo", size: 1, modulePaths: [ADAPTERS] },
        { dataDir: join(dir.path, "d".repeat(100)) },
      );
      assert.ok(pids.every(isAlive));
      assert.equal(await live.execute("ping"), "pong");
      assert.ok(Deno.statSync(planted).isDirectory);
    } finally {
      await Deno.remove(planted, { recursive: true });
    }
  },
});
