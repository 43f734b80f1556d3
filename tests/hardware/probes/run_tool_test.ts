import assert from "node:assert/strict";
import { join } from "node:path";
import { withDefaults } from "../../../src/hardware/probes/probe_options.ts";
import type { ProbeOptions } from "../../../src/hardware/probes/mod.ts";
import { runTool, type ToolOutput } from "../../../src/hardware/probes/run_tool.ts";
import { isAlive } from "../../fixtures/host.ts";
import { signalPid } from "../../fixtures/processes/signals.ts";
import { until } from "../../fixtures/until.ts";
import { VendorTools } from "../../fixtures/vendor_tools.ts";

function run(
  tools: VendorTools,
  command: readonly string[],
  options: ProbeOptions = {},
): Promise<ToolOutput> {
  const env = (name: string): string | undefined => name === "PATH" ? tools.path : undefined;
  return runTool(command, withDefaults({ env, folders: [], limitMs: 60_000, ...options }));
}

Deno.test("runTool() returns what a tool prints, and gives it nothing to read", async () => {
  await using tools = await VendorTools.create();
  await tools.add("some-smi", `cat; echo "[$1]"; echo aside >&2`);
  assert.deepEqual(await run(tools, ["some-smi", "one arg"]), {
    stdout: "[one arg]\n",
    problem: null,
  });
});

Deno.test("runTool() passes no variable that could be secret", async () => {
  await using tools = await VendorTools.create();
  await tools.add("some-smi", "env");
  const env = (name: string): string => name === "PATH" ? tools.path : `value of ${name}`;
  const { stdout } = await run(tools, ["some-smi"], { env });
  const names = stdout.trim().split("\n").map((it) => it.split("=")[0]);
  assert.ok(names.includes("HOME"));
  assert.ok(names.includes("ROCM_PATH"));
  assert.deepEqual(names.filter((it) => /SNAKEDEN|KEY|TOKEN|SECRET|VISIBLE/.test(it ?? "")), []);
});

Deno.test("runTool() has tools write numbers and texts as no locale does", async () => {
  await using tools = await VendorTools.create();
  await tools.add("some-smi", `echo "$LC_ALL"`);
  const env = (name: string): string => name === "PATH" ? tools.path : "de_DE.UTF-8";
  assert.equal((await run(tools, ["some-smi"], { env })).stdout, "C\n");
});

Deno.test("runTool() finds a tool in a folder of the vendor that is not on PATH", async () => {
  await using tools = await VendorTools.create();
  await tools.add("some-smi", "echo found");
  const env = (): undefined => undefined;
  const { stdout } = await run(tools, ["some-smi"], { env, folders: ["/nowhere", tools.folder] });
  assert.equal(stdout, "found\n");
});

Deno.test("runTool() says that a tool is missing, not executable, or cannot be started", async () => {
  await using tools = await VendorTools.create();
  await tools.add("locked-smi", "echo never", { mode: 0o644 });
  await Deno.writeTextFile(join(tools.folder, "broken-smi"), "#!/no/such/shell\n");
  await Deno.chmod(join(tools.folder, "broken-smi"), 0o755);
  const problemOf = async (tool: string): Promise<unknown> => {
    const { stdout, problem } = await run(tools, [tool]);
    assert.equal(stdout, "");
    assert.equal(problem?.probe, tool);
    return [problem?.what, problem?.text.replace(tools.folder, "FOLDER")];
  };
  assert.deepEqual(await problemOf("absent-smi"), [
    "missing",
    "absent-smi is not installed (not on PATH)",
  ]);
  assert.deepEqual(await problemOf("locked-smi"), [
    "denied",
    "FOLDER/locked-smi is not executable",
  ]);
  const [what, text] = await problemOf("broken-smi") as string[];
  assert.equal(what, "failed");
  assert.match(text ?? "", /^broken-smi could not be started: .*No such file/);
});

Deno.test("runTool() names the status and the first line of a tool that fails", async () => {
  await using tools = await VendorTools.create();
  const textOf = async (body: string): Promise<string | undefined> => {
    await tools.add("some-smi", body);
    const { problem } = await run(tools, ["some-smi"]);
    assert.equal(problem?.what, "failed");
    return problem?.text;
  };
  assert.equal(
    await textOf(`echo; echo "NVIDIA-SMI has failed."; echo "Make sure."; exit 9`),
    "some-smi exited with status 9; it printed: NVIDIA-SMI has failed.",
  );
  assert.equal(
    await textOf(`echo '{'; echo "ERROR:root:no driver" >&2; exit 1`),
    "some-smi exited with status 1; it printed: ERROR:root:no driver",
  );
  assert.equal(
    await textOf(
      `printf 'Traceback (most recent call last):\\n  x\\nImportError: no\\n' >&2; exit 1`,
    ),
    "some-smi exited with status 1; it printed: ImportError: no",
  );
  assert.equal(await textOf("exit 3"), "some-smi exited with status 3; it printed nothing");
  assert.equal(await textOf("kill -SEGV $$"), "some-smi was killed by SIGSEGV; it printed nothing");
});

Deno.test("runTool() keeps ids of devices and control characters out of problems", async () => {
  await using tools = await VendorTools.create();
  const uuid = "00000000-1111-2222-3333-444444444444";
  await tools.add("some-smi", `printf 'GPU-${uuid} \\033[31m MIG-GPU-${uuid}/7/0'; exit 1`);
  const { problem } = await run(tools, ["some-smi"]);
  assert.equal(problem?.text, "some-smi exited with status 1; it printed: <id> <id>/7/0");
});

Deno.test("runTool() ends a tool that hangs, and the child that holds its pipes", async () => {
  await using tools = await VendorTools.create();
  await tools.addHanging("some-smi");
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const running = run(tools, ["some-smi"], { limitMs: 2_000 });
  const pids = await tools.hangingPids("some-smi");
  assert.equal(pids.filter(isAlive).length, 2);
  const before = ticks;
  const { problem } = await running;
  clearInterval(ticking);
  // Were the loop held until the end, no tick would come between.
  assert.ok(ticks - before > 2, `${ticks - before} ticks`);
  assert.deepEqual(problem, {
    probe: "some-smi",
    what: "timeout",
    text: "some-smi did not end within 2000 ms and was killed; it printed nothing",
  });
  await until(() => !pids.some(isAlive), "the end of the whole group");
});

Deno.test("runTool() returns the complete lines of a tool that it killed", async () => {
  await using tools = await VendorTools.create();
  await tools.add("some-smi", `printf 'one\\ntwo\\n230'; sleep 60`);
  const { stdout, problem } = await run(tools, ["some-smi"], { limitMs: 1_000 });
  assert.equal(stdout, "one\ntwo\n");
  assert.equal(problem?.what, "timeout");
  assert.match(problem?.text ?? "", /it printed: one$/);
});

Deno.test("runTool() does not wait for a child that a tool leaves behind", async () => {
  await using tools = await VendorTools.create();
  await tools.add("some-smi", `sleep 60 & echo $! >"$here/child"; echo done`);
  assert.deepEqual(await run(tools, ["some-smi"]), { stdout: "done\n", problem: null });
  const child = Number(await Deno.readTextFile(join(tools.folder, "child")));
  await until(() => !isAlive(child), "the end of the child");
});

Deno.test("runTool() does not wait for a process outside the group that holds the pipes", async () => {
  await using tools = await VendorTools.create();
  const daemon = `echo $$ >"$0/next"; mv "$0/next" "$0/daemon"; exec sleep 300`;
  await tools.add(
    "some-smi",
    `setsid sh -c '${daemon}' "$here" & until [ -e "$here/daemon" ]; do :; done; echo done`,
  );
  assert.deepEqual(await run(tools, ["some-smi"]), { stdout: "done\n", problem: null });
  signalPid(Number(await Deno.readTextFile(join(tools.folder, "daemon"))), "SIGKILL");
});

Deno.test("runTool() cuts off a tool that prints 10 MB, on either stream", async () => {
  await using tools = await VendorTools.create();
  for (const redirect of ["", ">&2"]) {
    await tools.add("some-smi", `yes 'garbage' | head -c 10000000 ${redirect}; echo >"$here/end"`);
    const { stdout, problem } = await run(tools, ["some-smi"]);
    assert.equal(stdout, "");
    assert.deepEqual(problem, {
      probe: "some-smi",
      what: "unreadable",
      text: "some-smi printed more than 1 MiB and was killed; it printed: garbage",
    });
    await assert.rejects(Deno.stat(join(tools.folder, "end")), Deno.errors.NotFound);
  }
});

Deno.test("runTool() kills the tool when its signal aborts, and starts none after that", async () => {
  await using tools = await VendorTools.create();
  await tools.addHanging("some-smi");
  const controller = new AbortController();
  const running = run(tools, ["some-smi"], { signal: controller.signal });
  const pids = await tools.hangingPids("some-smi");
  controller.abort();
  const expected = {
    stdout: "",
    problem: { probe: "some-smi", what: "failed", text: "some-smi was stopped by the caller" },
  };
  assert.deepEqual(await running, expected);
  await until(() => !pids.some(isAlive), "the end of the whole group");
  const { signal } = controller;
  assert.deepEqual(await run(tools, ["some-smi"], { signal }), expected);
  assert.equal((await tools.calls("some-smi")).length, 1);
});

for (const allowed of [false, ["true"]]) {
  const name = allowed ? "with a list of programs" : "without the permission";
  Deno.test({
    name: `runTool() runs nothing ${name}, and does not ask for more`,
    permissions: { read: true, run: allowed },
    fn: async () => {
      const env = (name: string): string => `value of ${name}`;
      assert.deepEqual(await runTool(["true"], withDefaults({ env })), {
        stdout: "",
        problem: {
          probe: "true",
          what: "denied",
          text: "true was not run: the permission --allow-run, for all programs, is missing",
        },
      });
    },
  });
}
