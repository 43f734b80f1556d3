/** Tests `deno task run` with Python files, as a person, a pipe and a service manager run them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { HostProcess, ROOT, tempDir } from "../fixtures/host.ts";
import { processesWith } from "../fixtures/processes/find_processes.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { until } from "../fixtures/until.ts";
import { tinySource } from "../python_env/tiny_source.ts";

const TASK = ["task", "--quiet", `--config=${join(ROOT, "deno.json")}`, "run"];

/** A script that says what it hears, and takes its time to end. */
const TIDY = `
import signal, sys, time

signals = []

def hear(number, frame):
    signals.append(number)
    print("heard", signal.Signals(number).name, flush=True)

for it in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(it, hear)
print("waiting", flush=True)
try:
    while not signals:
        time.sleep(0.02)
except KeyboardInterrupt:
    print("interrupted", flush=True)
time.sleep(0.7)
print("tidy", flush=True)
sys.exit(5)
`;
const PLAIN = 'import signal\nprint("waiting", flush=True)\nsignal.pause()\n';
const STUBBORN = `
import signal
for it in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(it, lambda number, frame: print("no", flush=True))
print("waiting", flush=True)
while True:
    signal.pause()
`;
/** A script that leaves a process in a session of its own, which ignores signals. */
const FORKS = `
import os, signal, subprocess, sys, time
program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " \\
    "print('left', flush=True); time.sleep(600)"
if os.fork() == 0:
    child = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    os._exit(0)
os.wait()
`;

interface Setting extends AsyncDisposable {
  readonly dir: string;
  readonly env: Record<string, string>;
  /** The command that runs a script; writes its file first. */
  command(text: string, ...args: string[]): Promise<string[]>;
}

async function setting(): Promise<Setting> {
  const temp = await tempDir();
  return {
    dir: temp.path,
    env: { SNAKEDEN_DATA_DIR: join(temp.path, "data"), INIT_CWD: temp.path },
    command: async (text, ...args) => {
      await Deno.writeTextFile(join(temp.path, "script.py"), text);
      return [...TASK, "script.py", ...args];
    },
    [Symbol.asyncDispose]: async () => {
      await until(() => processesWith(temp.path).length === 0, "no process");
      await temp[Symbol.asyncDispose]();
    },
  };
}

Deno.test("deno task run FILE.py passes arguments, standard input and the exit status, in the caller's folder", async () => {
  await using it = await setting();
  const text = "import os, sys\nprint(sys.argv[1:], os.getcwd(), sys.stdin.read())\nsys.exit(7)\n";
  const child = new Deno.Command(Deno.execPath(), {
    args: await it.command(text, "a", "b c", "--help", ""),
    cwd: it.dir,
    env: it.env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("from outside"));
  await writer.close();
  const { code, stdout } = await child.output();
  const folder = await Deno.realPath(it.dir);
  assert.equal(
    new TextDecoder().decode(stdout),
    `['a', 'b c', '--help', ''] ${folder} from outside\n`,
  );
  assert.equal(code, 7);
});

Deno.test("deno task run FILE.py has the requirements of its folder of scripts, as a job has", async () => {
  await using it = await setting();
  await using tiny = await tinySource();
  await tiny.wheel("fine_pie", "1.0");
  await Deno.writeTextFile(join(it.dir, "needs.txt"), "fine-pie>=1\n");
  const scriptFolders = [{ path: ".", requirements: "needs.txt" }];
  const config = join(it.dir, "snakeden.config.json");
  await Deno.writeTextFile(config, JSON.stringify({ jobs: { scriptFolders } }));
  const { PIP_FIND_LINKS = "", UV_FIND_LINKS = "" } = tiny.env;
  const env = { PIP_NO_INDEX: "1", PIP_FIND_LINKS, UV_OFFLINE: "1", UV_FIND_LINKS };
  const run = async (text: string): Promise<string> => {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: await it.command(text),
      cwd: it.dir,
      env: { ...it.env, ...env },
    }).output();
    return new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr);
  };
  assert.equal(await run("import fine_pie\nprint(fine_pie.VERSION)\n"), "1.0\n");
  const own = "# /// script\n# dependencies = []\n# ///\nimport fine_pie\n";
  assert.match(await run(own), /No module named 'fine_pie'/);
});

Deno.test("deno task run FILE.py can import snakeden, and says what is wrong with the metadata", async () => {
  await using it = await setting();
  const imports = new Deno.Command(Deno.execPath(), {
    args: await it.command("import snakeden\nprint(snakeden.__version__)\n"),
    cwd: it.dir,
    env: it.env,
  });
  const fine = await imports.output();
  assert.match(new TextDecoder().decode(fine.stdout), /^\d+\.\d+\.\d+\n$/);
  await it.command("# /// script\n# dependencies = 1\n# ///\n");
  const { code, stderr } = await imports.output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /^snakeden: Cannot prepare the environment of script\.py: .* dependencies: given 1; a list/m,
  );
});

Deno.test("deno task run without a file says how it is used", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: TASK }).output();
  assert.deepEqual([code, stdout.length], [2, 0]);
  assert.match(
    new TextDecoder().decode(stderr),
    /^snakeden: Cannot run a script: none is named; allowed: deno task run FILE \[ARGUMENT\.\.\.\]$/m,
  );
});

Deno.test("deno task run FILE.py leaves no process, in whatever session it is", async () => {
  await using it = await setting();
  await using host = new HostProcess(await it.command(FORKS), { cwd: it.dir, env: it.env });
  const { code, stderr } = await host.finished();
  assert.equal(code, 0, stderr);
  assert.deepEqual(processesWith(it.dir), []);
});

Deno.test("deno task run FILE.py does not hang when its output goes into a closed pipe", async () => {
  await using it = await setting();
  const command = await it.command("for i in range(100_000): print(i)\n");
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", '"$0" "$@" | head -1', Deno.execPath(), ...command],
    cwd: it.dir,
    env: it.env,
    stderr: "null",
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "0\n");
});

for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`deno task run FILE.py ends with ${status} after ${signal} to the task alone`, async () => {
    await using it = await setting();
    const command = [Deno.execPath(), ...await it.command(PLAIN)];
    await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
    await terminal.shows(/waiting/);
    await terminal.signalLeader(signal);
    assert.equal(await terminal.finished(), status, terminal.output);
  });
}

Deno.test("deno task run FILE.py lets the script finish after Ctrl-C, and passes it on once", async () => {
  await using it = await setting();
  const command = [Deno.execPath(), ...await it.command(TIDY)];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  await terminal.pressCtrlC();
  assert.equal(await terminal.finished(), 5, terminal.output);
  assert.match(terminal.output, /waiting\n\^?C?interrupted\ntidy\n$/);
});

Deno.test("deno task run FILE.py passes SIGTERM to its process group on once", async () => {
  await using it = await setting();
  const command = [Deno.execPath(), ...await it.command(TIDY)];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  await terminal.signalGroup("SIGTERM");
  assert.equal(await terminal.finished(), 5, terminal.output);
  assert.match(terminal.output, /waiting\nheard SIGTERM\ntidy\n$/);
});

Deno.test("deno task run FILE.py kills a script that goes on when it is asked to stop again", async () => {
  await using it = await setting();
  const command = [Deno.execPath(), ...await it.command(STUBBORN)];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  // The first ones are copies, and a later one is another request.
  await until(async () => {
    await terminal.pressCtrlC();
    return terminal.ended;
  }, "the script to be killed");
  assert.equal(await terminal.finished(), 130, terminal.output);
});

Deno.test("deno task run FILE.py ends under timeout", async () => {
  await using it = await setting();
  const command = ["timeout", "600", Deno.execPath(), ...await it.command(PLAIN)];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  // As if its time limit had passed.
  await terminal.signalLeader("SIGALRM");
  assert.equal(await terminal.finished(), 124, terminal.output);
});

Deno.test("deno task run FILE.py is gone after SIGTERM and SIGKILL to its process group, as of systemd", async () => {
  await using it = await setting();
  const command = [Deno.execPath(), ...await it.command(STUBBORN)];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  await terminal.signalGroup("SIGTERM");
  await terminal.shows(/no/);
  await terminal.signalGroup("SIGKILL");
  assert.equal(await terminal.finished(), 137, terminal.output);
});

Deno.test("deno task run FILE.py ends the script when the program before it is killed", async () => {
  await using it = await setting();
  const command = await it.command(`${FORKS}print("waiting", flush=True)\ntime.sleep(600)\n`);
  await using host = new HostProcess(command, { cwd: it.dir, env: it.env });
  await until(() => host.stdout.includes("waiting"), "the script", { timeoutMs: 60_000 });
  const launchers = new Set(processesWith("scripts/run_python.ts"));
  const [launcher] = processesWith(it.dir).filter((pid) => launchers.has(pid));
  assert.ok(launcher !== undefined);
  signalPid(launcher, "SIGKILL");
  await host.finished();
  await until(() => processesWith(it.dir).length === 0, "no process");
});

Deno.test("deno task run FILE.py in the terminal may be read from and stopped, as any program", async () => {
  await using it = await setting();
  const text = 'print("hello", input("who? "))\n';
  const command = [Deno.execPath(), ...await it.command(text)];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/who\?/);
  await terminal.type("me\n");
  assert.equal(await terminal.finished(), 0);
  assert.match(terminal.output, /hello me/);
});

Deno.test("deno task run FILE.py goes on under nohup when its terminal is closed", async () => {
  await using it = await setting();
  const text = `
import os, time
print("waiting", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
open("done", "w").close()
`;
  const command = [Deno.execPath(), ...await it.command(text)];
  const nohup = ["sh", "-c", 'trap "" HUP; "$@" 2>&1 | cat', "sh", ...command];
  await using terminal = await Terminal.open(nohup, { cwd: it.dir, env: it.env });
  await terminal.shows(/waiting/);
  await terminal.close();
  for (const pid of processesWith("_by_hand.py")) {
    if (processesWith(it.dir).includes(pid)) signalPid(pid, "SIGHUP");
  }
  await Deno.writeTextFile(join(it.dir, "go"), "");
  await until(
    () => Array.from(Deno.readDirSync(it.dir), ({ name }) => name).includes("done"),
    "it",
  );
});

Deno.test("deno task run FILE.py leaves nothing when it is stopped while its environment is built", async () => {
  await using it = await setting();
  const text = '# /// script\n# dependencies = ["no-such-pie"]\n# ///\n';
  const command = [Deno.execPath(), ...await it.command(text)];
  await using terminal = await Terminal.open(command, { cwd: it.dir, env: it.env });
  await terminal.shows(/Creating environment/);
  await terminal.pressCtrlC();
  assert.equal(await terminal.finished(), 130, terminal.output);
  const names = Array.from(Deno.readDirSync(join(it.dir, "data", "python")), ({ name }) => name);
  assert.deepEqual(names.filter((name) => !name.endsWith(".lock")), []);
});

Deno.test("deno task run FILE.ts takes a file in the caller's folder, with its arguments", async () => {
  await using it = await setting();
  await Deno.writeTextFile(
    join(it.dir, "a.ts"),
    'import { runAsScript } from "snakeden";\n' +
      "console.log(typeof runAsScript, Deno.args, Deno.cwd());\nDeno.exit(4);\n",
  );
  await using host = new HostProcess([...TASK, "a.ts", "x.py", "-y"], {
    cwd: it.dir,
    env: it.env,
  });
  const { code, stdout, stderr } = await host.finished();
  const folder = await Deno.realPath(it.dir);
  assert.equal(stdout, `function [ "x.py", "-y" ] ${folder}\n`, stderr);
  assert.equal(code, 4);
});
