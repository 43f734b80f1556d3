/** Tests of the promise that no process of a program is left, whatever it does. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { until } from "../../fixtures/until.ts";
import { guardPython, startGuard } from "../../fixtures/processes/guarded.ts";

/** Starts a child in a session of its own, and one with no environment that is detached. */
const DETACHING = `trap "" TERM
  setsid sh -c 'trap "" TERM; echo one $$; sleep 1000 & wait; sleep 1000' &
  (env -i setsid sh -c 'trap "" TERM; echo two $$; sleep 1000; sleep 1000' &)`;

Deno.test("GuardedProcess.stop() ends descendants in sessions of their own that ignore SIGTERM", async () => {
  await using at = await startGuard();
  const it = await at.shell(`${DETACHING}; sleep 1000; sleep 1000; sleep 1000`);
  const pids = await it.pids(["one", "two"]);
  it.process.stop(50);
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["stopped", { signal: "SIGKILL" }]);
  assert.deepEqual(at.alive([it.process.pid, ...pids]), []);
});

Deno.test("GuardedProcess.ended resolves once what the program left behind is gone", async () => {
  await using at = await startGuard();
  const it = await at.shell(`${DETACHING}
    while ! [ -e "$PWD/go" ]; do sleep 0.01; done; exit 4`);
  const pids = await it.pids(["one", "two"]);
  await Deno.writeTextFile(join(at.folder, "go"), "");
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["exited", { code: 4 }]);
  // The two shells and their sleeps; a sleep of the program itself may be among them.
  assert.ok(end.leftKilled >= 4 && end.leftKilled <= 5, `${end.leftKilled} were killed`);
  assert.deepEqual(at.alive(pids), []);
});

Deno.test("GuardedProcess.stop() gives all processes the time to end by themselves", async () => {
  await using at = await startGuard();
  const it = await at.shell(`
    setsid sh -c 'trap "echo child ends; exit" TERM; echo one $$; while :; do sleep 0.01; done' &
    trap "echo ends; wait; exit 9" TERM; echo two $$; while :; do sleep 0.01; done`);
  const pids = await it.pids(["one", "two"]);
  it.process.stop(60_000);
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit, end.leftKilled], ["stopped", { code: 9 }, 0]);
  assert.match(it.stdout(), /child ends\n/);
  assert.match(it.stdout(), /^ends\n/m);
  assert.deepEqual(at.alive(pids), []);
});

Deno.test("GuardedProcess.stop() shortens the time when it is called again", async () => {
  await using at = await startGuard();
  const it = await at.shell(`trap "" TERM; echo one $$; sleep 1000; sleep 1000`);
  await it.pids(["one"]);
  it.process.stop(3_600_000);
  it.process.stop(7_200_000);
  it.process.stop(0);
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["stopped", { signal: "SIGKILL" }]);
  // It is over: this does nothing.
  it.process.stop();
});

Deno.test("GuardedProcess.stop() reaches processes that are stopped", async () => {
  await using at = await startGuard();
  const it = await at.shell(`
    setsid sh -c 'trap "echo heard; exit" TERM; echo one $$; kill -STOP $$; sleep 1000' &
    echo two $$; kill -STOP $$; sleep 1000`);
  const pids = await it.pids(["one", "two"]);
  it.process.stop(60_000);
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["stopped", { signal: "SIGTERM" }]);
  assert.match(it.stdout(), /heard/);
  assert.deepEqual(at.alive(pids), []);
});

const WRAPPERS: readonly string[] = [
  "unshare --pid --fork --mount-proc",
  "unshare --user --map-root-user --pid --fork --mount-proc",
  "bwrap --ro-bind / / --dev /dev --proc /proc --unshare-pid",
  "bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all --new-session --clearenv",
];

for (const wrapper of WRAPPERS) {
  Deno.test({
    name: `GuardedProcess.stop() ends the processes of \`${wrapper}\``,
    ignore: !canRun(wrapper),
    fn: async () => {
      await using at = await startGuard();
      // Process 1 of a namespace ignores SIGTERM, and adopts what is detached.
      const it = await at.launch([
        "/bin/sh",
        "-c",
        `exec ${wrapper} sh -c '
           (setsid sleep 54321 &)
           setsid sh -c "sleep 54321; sleep 1" &
           sleep 54321; sleep 1'`,
      ]);
      const sleepers = (): Promise<number> => at.below(it.process.pid, "sleep 54321");
      await until(async () => await sleepers() === 3, "three of them sleep");
      it.process.stop(50);
      const end = await it.process.ended;
      assert.equal(end.cause, "stopped");
      assert.deepEqual(await at.marked(), []);
    },
  });
}

/** Kills what it has started when it gets SIGTERM, as `bwrap --die-with-parent` does. */
const HARSH_WRAPPER = `trap 'kill -9 $child; exit 1' TERM; "$@" & child=$!; wait $child`;

Deno.test("GuardedProcess.stop() spares a wrapper, so that its program can end by itself", async () => {
  await using at = await startGuard();
  const program = `trap "echo ends; exit 5" TERM; echo one $$; while :; do sleep 0.01; done`;
  const it = await at.launch(
    ["/bin/sh", "-c", HARSH_WRAPPER, "sh", "/bin/sh", "-c", program],
    { isWrapped: true },
  );
  await it.pids(["one"]);
  it.process.stop(60_000);
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["stopped", { code: 5 }]);
  assert.match(it.stdout(), /ends\n$/);
  // A wrapper that has started nothing is told itself.
  const alone = await at.shell(`echo one $$; exec sleep 1000`, { isWrapped: true });
  await alone.pids(["one"]);
  alone.process.stop(60_000);
  assert.deepEqual((await alone.process.ended).exit, { signal: "SIGTERM" });
});

function canRun(wrapper: string): boolean {
  try {
    return new Deno.Command("sh", { args: ["-c", `${wrapper} true`] }).outputSync().success;
  } catch {
    return false;
  }
}

/** Forks without end: each process forks again when its child is killed, or forks and ends. */
const BOMB = `
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("bomb", os.getpid(), flush=True)
end = time.monotonic() + 60
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.setsid()
        while time.monotonic() < end:
            # The parent leaves at once, so that the pid changes all the time.
            if os.fork() != 0:
                os._exit(0)
os._exit(0) if len(sys.argv) > 2 else time.sleep(60)
`;

Deno.test("GuardedProcess.stop() ends processes that fork faster than they are killed", async () => {
  await using at = await startGuard();
  const python = await guardPython();
  const it = await at.launch([python, "-I", "-S", "-c", BOMB, "6"]);
  await it.pids(["bomb"]);
  it.process.stop(20);
  assert.equal((await it.process.ended).cause, "stopped");
  const left = await at.launch([python, "-I", "-S", "-c", BOMB, "6", "leave"]);
  const end = await left.process.ended;
  assert.deepEqual([end.cause, end.exit], ["exited", { code: 0 }]);
  assert.deepEqual(await at.marked(), [], "only the guard has the mark of the run");
});

Deno.test("Guard.launch() leaves no process, descriptor or file after 200 programs", async () => {
  await using at = await startGuard();
  await (await at.shell("true")).process.ended;
  const before = await at.guardFiles();
  let launched = 0;
  const work = async (): Promise<void> => {
    while (launched++ < 200) {
      const it = await at.shell(`(setsid sleep 1000 &) ; echo ${launched}; exit ${launched % 7}`);
      const end = await it.process.ended;
      assert.equal(end.cause, "exited");
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  assert.equal(at.guard.running, 0);
  assert.deepEqual(await at.marked(), []);
  assert.deepEqual(await at.guardFiles(), before);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(at.folder)), []);
  const names = await Array.fromAsync(Deno.readDir(at.runDirectory), (it) => it.name);
  assert.deepEqual(names, ["job.sock"]);
});
