/**
 * Tests servers and scripts as a person runs them: in a terminal, by `deno task`, and stopped by
 * Ctrl-C.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { isAlive, SERVE, tempDir, workersOf } from "../fixtures/host.ts";
import { processesWith } from "../fixtures/processes/find_processes.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { until } from "../fixtures/until.ts";

const DENO = Deno.execPath();
const SCRIPT_HOST = "tests/fixtures/processes/script_host.ts";
const STEPS = (status: number): string =>
  `start ${status} pending\nstop ${status} pending\ncleanup ${status} ok\nexit ${status} ok\n`;

/** An adapter that shows when a call has begun in the worker, which the host cannot know. */
const ADAPTER = `
import time
from snakeden import tool

@tool
def nap(seconds: float) -> str:
    print("the nap begins")
    time.sleep(seconds)
    return "slept"
`;

async function open(
  dataDir: string,
  command: readonly string[],
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): Promise<Terminal> {
  const all = { [join(dataDir, "naps.py")]: ADAPTER, ...files };
  for (const [path, text] of Object.entries(all)) await Deno.writeTextFile(path, text);
  const config = join(dataDir, "snakeden.config.json");
  const pools = [{ name: "default", size: 2, adapter: "naps" }];
  await Deno.writeTextFile(config, JSON.stringify({ pools }));
  return await Terminal.open(command, {
    env: {
      SNAKEDEN_CONFIG: config,
      SNAKEDEN_DATA_DIR: dataDir,
      SNAKEDEN_PYTHON: await devPython(),
      SNAKEDEN_PORT: "0",
      ...env,
    },
  });
}

/**
 * Starts a call once the server listens, and waits until it runs. The status of the call is 0 if
 * the connection broke.
 */
async function startCall(
  terminal: Terminal,
  seconds: number,
): Promise<{ readonly status: Promise<number> }> {
  const [, url] = await terminal.shows(/^listening on (http:\/\/\S+)$/m);
  const status = fetch(`${url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool: "nap", args: { seconds } }),
  }).then(async (answer) => {
    await answer.body?.cancel();
    return answer.status;
  }, () => 0);
  await terminal.shows(/the nap begins/);
  return { status };
}

async function assertNothingLeft(dataDir: string): Promise<void> {
  await until(() => processesWith(dataDir).length === 0, "no process");
  assert.deepEqual(namesIn(join(dataDir, "run")), []);
}

function namesIn(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

interface Asked {
  readonly terminal: Terminal;
  readonly dataDir: string;
}

const WAYS_TO_ASK: readonly {
  readonly what: string;
  readonly ask: (asked: Asked) => void | Promise<void>;
  readonly around?: readonly string[];
  /** The exit status of the outermost program. */
  readonly status?: number;
}[] = [
  { what: "Ctrl-C", ask: ({ terminal }) => terminal.pressCtrlC() },
  { what: "a closed terminal", ask: ({ terminal }) => terminal.close() },
  {
    what: "SIGTERM to the process group",
    ask: ({ terminal }) => terminal.signalGroup("SIGTERM"),
  },
  {
    what: "SIGTERM to the control group, workers included",
    ask: async ({ terminal, dataDir }) => {
      const workers = workersOf({ connect: dataDir });
      assert.ok(workers.length > 0);
      for (const pid of workers) signalPid(pid, "SIGTERM");
      await terminal.signalGroup("SIGTERM");
    },
  },
  {
    what: "SIGINT and SIGTERM at once",
    ask: async ({ terminal }) => {
      await terminal.signalGroup("SIGINT");
      await terminal.signalGroup("SIGTERM");
    },
  },
  {
    what: "timeout -s INT",
    around: ["timeout", "-s", "INT", "600"],
    // As if its time limit had passed.
    ask: ({ terminal }) => terminal.signalLeader("SIGALRM"),
    status: 124,
  },
];

for (const { what, ask, around = [], status = 0 } of WAYS_TO_ASK) {
  Deno.test(`deno task serve finishes its calls and ends with ${status} after ${what}`, async () => {
    await using dir = await tempDir();
    await using terminal = await open(dir.path, [...around, DENO, "task", "serve"]);
    const call = await startCall(terminal, 3);
    await ask({ terminal, dataDir: dir.path });
    assert.equal(await call.status, 200, terminal.output);
    assert.equal(await terminal.finished(), status, terminal.output);
    await assertNothingLeft(dir.path);
  });
}

Deno.test("deno task serve ends at once when Ctrl-C is pressed again", async () => {
  await using dir = await tempDir();
  await using terminal = await open(dir.path, [DENO, "task", "serve"]);
  const call = await startCall(terminal, 600);
  await until(async () => {
    await terminal.pressCtrlC();
    return terminal.ended;
  }, "the end");
  assert.equal(await terminal.finished(), 130, terminal.output);
  assert.equal(await call.status, 0);
  assert.match(
    terminal.output,
    /stopping: 1 call is running and may take up to 10000 ms \(drainMs\); press Ctrl-C again to end it at once signal=SIGINT$/m,
  );
  assert.match(
    terminal.output,
    /snakeden: warning:\S* ending at once, since SIGINT came again: the workers are killed, and their calls fail$/m,
  );
  await until(() => workersOf({ connect: dir.path }).length === 0, "no worker");
});

Deno.test("deno task serve says only that it stops when no call runs, and counts the calls that do", async () => {
  await using dir = await tempDir();
  await using idle = await open(dir.path, [DENO, "task", "serve"]);
  await idle.shows(/^listening on/m);
  await idle.pressCtrlC();
  assert.equal(await idle.finished(), 0, idle.output);
  assert.match(idle.output, /^\S*snakeden:\S* stopping signal=SIGINT$/m);

  await using busy = await open(dir.path, [
    "env",
    "SNAKEDEN_LOG_FORMAT=json",
    DENO,
    "task",
    "serve",
  ]);
  const calls = [await startCall(busy, 3), await startCall(busy, 3)];
  // A line of JSON may hold the text twice.
  await busy.shows(/the nap begins.*\n[^]*the nap begins/);
  await busy.signalGroup("SIGTERM");
  await Promise.all(calls.map((it) => it.status));
  assert.equal(await busy.finished(), 0, busy.output);
  const [line = "{}"] = /^.*"stopping.*$/m.exec(busy.output) ?? [];
  const { message, runningCalls, drainMs, signal } = JSON.parse(line);
  assert.match(
    message,
    /^stopping: 2 calls are running and .* send SIGTERM again to end them at once$/,
  );
  assert.deepEqual([runningCalls, drainMs, signal], [2, 10_000, "SIGTERM"]);
});

Deno.test("deno task serve still stops in order if the terminal is closed after Ctrl-C", async () => {
  await using dir = await tempDir();
  await using terminal = await open(dir.path, [DENO, "task", "serve"]);
  const call = await startCall(terminal, 3);
  await terminal.pressCtrlC();
  await terminal.shows(/stopping/);
  await terminal.close();
  assert.equal(await call.status, 200);
  assert.equal(await terminal.finished(), 0);
  await assertNothingLeft(dir.path);
});

Deno.test("deno task serve leaves nothing when Ctrl-C is pressed while its environment is built", async () => {
  await using dir = await tempDir();
  await using terminal = await Terminal.open([DENO, "task", "serve"], {
    env: { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_PORT: "0" },
  });
  await terminal.shows(/Creating environment/);
  await terminal.pressCtrlC();
  assert.equal(await terminal.finished(), 0, terminal.output);
  assert.doesNotMatch(terminal.output, /listening on/);
  await assertNothingLeft(dir.path);
});

for (const command of [[DENO, "task", "run"], [DENO, "run", "-A"]]) {
  const name = command.slice(1).join(" ");
  const script = [...command, SCRIPT_HOST];

  Deno.test(`runAsScript() under deno ${name} takes all steps of its end after Ctrl-C, regardless of fn`, async () => {
    await using dir = await tempDir();
    await using terminal = await open(dir.path, [...script, "ignores-signals"]);
    await terminal.shows(/waiting/);
    await terminal.pressCtrlC();
    assert.equal(await terminal.finished(), 130, terminal.output);
    assert.ok(terminal.output.endsWith(STEPS(130)), terminal.output);
    await assertNothingLeft(dir.path);
  });
}

for (const [signal, status] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`runAsScript() takes all steps of its end after ${signal} to its process group`, async () => {
    await using dir = await tempDir();
    const script = [DENO, "task", "run", SCRIPT_HOST, "ignores-signals"];
    await using terminal = await open(dir.path, script);
    await terminal.shows(/waiting/);
    await terminal.signalGroup(signal);
    assert.equal(await terminal.finished(), status, terminal.output);
    assert.ok(terminal.output.endsWith(STEPS(status)), terminal.output);
    await assertNothingLeft(dir.path);
  });
}

Deno.test("runAsScript() stops waiting for calls when Ctrl-C is pressed while it drains", async () => {
  await using dir = await tempDir();
  await using terminal = await open(dir.path, [DENO, "task", "run", SCRIPT_HOST, "drains"]);
  await terminal.shows(/start 0 pending/);
  await terminal.pressCtrlC();
  assert.equal(await terminal.finished(), 130, terminal.output);
  assert.ok(terminal.output.endsWith(STEPS(130).replace("start 130 pending\n", "")));
  assert.doesNotMatch(terminal.output, /still here/);
  await assertNothingLeft(dir.path);
});

Deno.test("runAsScript() leaves nothing when Ctrl-C is pressed while its environment is built", async () => {
  await using dir = await tempDir();
  await using terminal = await Terminal.open([
    DENO,
    "task",
    "run",
    "examples/profile_csv.ts",
    "any.csv",
  ], {
    env: { SNAKEDEN_DATA_DIR: dir.path },
  });
  // A script does not report it.
  await until(() => namesIn(`${dir.path}/python`).some((it) => /^building-/.test(it)), "the build");
  await terminal.pressCtrlC();
  assert.equal(await terminal.finished(), 130, terminal.output);
  await assertNothingLeft(dir.path);
});

/** Returns the pid of the server, whether a task has started it or the terminal directly. */
async function serverPid(dataDir: string): Promise<number> {
  const [worker] = await until(() => {
    const found = workersOf({ connect: dataDir });
    return found.length > 0 && found;
  }, "a worker");
  const stat = Deno.readTextFileSync(`/proc/${worker}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]);
}

const MAIN = [DENO, ...SERVE, "--allow-write", "main.ts"];

for (
  const [what, command] of [
    ["main() with SIGHUP ignored", ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", ...MAIN]],
    [
      "deno task serve under nohup",
      // The traps are for bash and cat, which would end with the terminal.
      [
        "bash",
        "-c",
        'trap : HUP; nohup "$@" 2>&1 | (trap "" HUP; exec cat)',
        ...["bash", DENO, "task", "serve"],
      ],
    ],
    [
      "deno task serve of a shell script with SIGHUP ignored",
      ["sh", "-c", 'trap "" HUP; "$@" 2>&1 | cat', "sh", DENO, "task", "serve"],
    ],
  ] as const
) {
  Deno.test(`${what} goes on when its terminal is closed`, async () => {
    await using dir = await tempDir();
    await using terminal = await open(dir.path, command);
    const call = await startCall(terminal, 1);
    const pid = await serverPid(dir.path);
    await terminal.close();
    signalPid(pid, "SIGHUP");
    assert.equal(await call.status, 200);
    assert.ok(isAlive(pid));
    signalPid(pid, "SIGTERM");
    await terminal.finished();
    await assertNothingLeft(dir.path);
  });
}

for (
  const [what, command] of [["main()", MAIN], ["runAsScript()", [DENO, "run", "-A"]]] as const
) {
  Deno.test(`${what} in the background of a shell script leaves SIGINT ignored, and obeys SIGTERM`, async () => {
    await using dir = await tempDir();
    const isScript = what === "runAsScript()";
    const background = ["sh", "-c", '"$@" & wait $!', "sh", ...command];
    const args = isScript ? [SCRIPT_HOST, "ignores-signals"] : [];
    await using terminal = await open(dir.path, [...background, ...args]);
    await terminal.shows(/waiting|listening/);
    const pid = await serverPid(dir.path);
    signalPid(pid, "SIGINT");
    signalPid(pid, "SIGTERM");
    assert.equal(await terminal.finished(), isScript ? 143 : 0, terminal.output);
    if (!isScript) assert.match(terminal.output, /stopping signal=SIGTERM/);
    await assertNothingLeft(dir.path);
  });
}

Deno.test("main() leaves SIGINT ignored, however long its configuration takes to load", async () => {
  await using dir = await tempDir();
  const config = join(dir.path, "slow.config.ts");
  const background = ["sh", "-c", '"$@" & wait $!', "sh", DENO, "run", "-A", "main.ts"];
  await using terminal = await open(dir.path, background, { SNAKEDEN_CONFIG: config }, {
    // Deno takes SIGINT over by itself, half a second after its start.
    [config]: `
      const SIGINT = 2;
      const isIgnored = () => {
        const [, mask] = /^SigIgn:\\s*(\\w+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
        return (BigInt("0x" + mask) >> BigInt(SIGINT - 1) & 1n) === 1n;
      };
      console.log("ignored at first:", isIgnored());
      while (isIgnored()) await new Promise((resolve) => setTimeout(resolve, 20));
      export default { pools: [{ name: "default", size: 2, adapter: "naps" }] };`,
  });
  await terminal.shows(/listening/);
  const pid = await serverPid(dir.path);
  signalPid(pid, "SIGINT");
  signalPid(pid, "SIGTERM");
  assert.equal(await terminal.finished(), 0, terminal.output);
  assert.match(terminal.output, /ignored at first: true/);
  assert.match(terminal.output, /stopping signal=SIGTERM/);
  await assertNothingLeft(dir.path);
});

Deno.test("deno task dev writes short lines to a terminal, in colour unless NO_COLOR is set", async () => {
  await using dir = await tempDir();
  const command = [DENO, "task", "dev"];
  for (
    const [env, line] of [
      [{ NO_COLOR: "1" }, /^snakeden: default-1 is ready pid=\d+$/m],
      // deno-lint-ignore no-control-regex
      [{ NO_COLOR: "" }, /^\u001b\[1msnakeden:\u001b\[0m default-1 is ready pid=\d+$/m],
      [{ SNAKEDEN_LOG_FORMAT: "text" }, /^\d{4}-\S+Z INFO {2}pool {2}default-1 is ready/m],
    ] as const
  ) {
    await using terminal = await open(dir.path, command, env);
    await terminal.shows(line);
    await terminal.shows(/^Stop the server with Ctrl-C/m);
    await terminal.pressCtrlC();
    assert.equal(await terminal.finished(), 0, terminal.output);
  }
});
