/** Tests of input and output: windows, ends, and consumers that fail. */
import assert from "node:assert/strict";
import { until } from "../../fixtures/until.ts";
import { guardPython, startGuard } from "../../fixtures/processes/guarded.ts";

Deno.test("GuardedLaunch.onOutput gets all output, in order and unchanged", async () => {
  await using at = await startGuard();
  const digest = crypto.subtle;
  const parts: Uint8Array[] = [];
  const it = await at.launch([
    await guardPython(),
    "-c",
    "import sys; [sys.stdout.buffer.write(b'%d\\n' % i) for i in range(700_000)]; print('e', file=sys.stderr)",
  ], {
    onOutput: async (source, bytes) => {
      if (source === "stderr") return;
      parts.push(bytes);
      if (parts.length % 10 === 0) await digest.digest("SHA-1", bytes.slice());
    },
  });
  await it.process.ended;
  const text = await new Blob(parts.map((it) => it.slice())).text();
  const lines = text.split("\n");
  assert.equal(lines.length, 700_001);
  assert.ok(lines.every((line, i) => i === 700_000 || line === String(i)));
});

Deno.test("GuardedLaunch.onOutput holds the program back while it takes nothing", async () => {
  await using at = await startGuard();
  const taking = Promise.withResolvers<void>();
  let bytes = 0;
  const it = await at.launch([
    await guardPython(),
    "-c",
    `import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(2, b"pid %d\\n" % os.getpid())
while True: os.write(1, b"x" * 65536)`,
  ], {
    onOutput: async (_, part) => {
      bytes += part.byteLength;
      await taking.promise;
    },
  });
  await until(() => bytes > 0, "the first output");
  // It is stopped though nobody takes its output.
  it.process.stop(100);
  const end = await it.process.gone;
  assert.deepEqual([end.cause, end.exit], ["stopped", { signal: "SIGKILL" }]);
  taking.resolve();
  await it.process.ended;
  // One window, one part that crossed its end, and what the pipe still held.
  assert.ok(bytes <= (1 << 20) + (1 << 16) * 3, `${bytes} bytes came`);
});

Deno.test("GuardedProcess.ended does not wait for a detached child that holds stdout open", async () => {
  await using at = await startGuard();
  const it = await at.shell(
    "(setsid sh -c 'while :; do echo noise; done' &); sleep 0.05; echo last",
  );
  const end = await it.process.ended;
  assert.deepEqual([end.cause, end.exit], ["exited", { code: 0 }]);
  assert.ok(end.leftKilled >= 1);
  assert.match(it.stdout(), /last\n/);
});

Deno.test("GuardedProcess.ended comes after the last output of the program", async () => {
  await using at = await startGuard();
  for (let i = 0; i < 20; i++) {
    const it = await at.shell("head -c 60000 /dev/zero | tr '\\0' x; echo end >&2");
    await it.process.ended;
    assert.deepEqual([it.stdout().length, it.stderr()], [60_000, "end\n"]);
  }
});

Deno.test("GuardedLaunch.stdin reaches the program whole, from bytes and from a stream", async () => {
  await using at = await startGuard();
  const bytes = new Uint8Array(5_000_000).fill(7);
  const empty = await at.shell("wc -c", { stdin: new Uint8Array() });
  const whole = await at.shell("wc -c", { stdin: bytes });
  const streamed = await at.shell("wc -c", {
    stdin: ReadableStream.from([bytes, new Uint8Array(), bytes]),
  });
  const none = await at.shell("wc -c");
  for (const [it, count] of [[empty, 0], [whole, 5e6], [streamed, 1e7], [none, 0]] as const) {
    assert.deepEqual((await it.process.ended).exit, { code: 0 });
    assert.equal(Number(it.stdout()), count);
  }
});

/** A stream of input without end, which counts. */
function endless(): {
  stream: ReadableStream<Uint8Array>;
  taken: () => number;
  isCancelled: () => boolean;
} {
  let [taken, isCancelled] = [0, false];
  const stream = new ReadableStream<Uint8Array>({
    pull(controller): void {
      taken += 1 << 16;
      controller.enqueue(new Uint8Array(1 << 16));
    },
    cancel: () => void (isCancelled = true),
  });
  return { stream, taken: () => taken, isCancelled: () => isCancelled };
}

Deno.test("GuardedLaunch.stdin is not read far ahead of a program that does not read it", async () => {
  await using at = await startGuard();
  const input = endless();
  const it = await at.shell("echo one $$; sleep 1000; sleep 1000", { stdin: input.stream });
  await it.pids(["one"]);
  await until(() => input.taken() >= 1 << 20, "a window of input is on its way");
  it.process.stop();
  await it.process.ended;
  assert.ok(input.taken() <= (1 << 20) + (1 << 18), `${input.taken()} bytes were read`);
  await until(input.isCancelled, "the stream is cancelled");
});

Deno.test("GuardedLaunch.stdin is cancelled when the program closes it, and the program goes on", async () => {
  await using at = await startGuard();
  const input = endless();
  const it = await at.shell(
    "exec <&-; echo one $$; while ! [ -e go ]; do sleep 0.01; done; echo went",
    {
      stdin: input.stream,
    },
  );
  await it.pids(["one"]);
  await until(input.isCancelled, "the stream is cancelled");
  await Deno.writeTextFile(`${at.folder}/go`, "");
  assert.deepEqual((await it.process.ended).exit, { code: 0 });
  assert.match(it.stdout(), /went/);
});

Deno.test("GuardedProcess.ended rejects with the error of the consumer or of the input", async () => {
  await using at = await startGuard();
  const broken = new Error("no room");
  const it = await at.shell("echo one $$; sleep 1000; sleep 1000", {
    onOutput: () => {
      throw broken;
    },
  });
  await assert.rejects(it.process.ended, broken);
  const other = await at.shell("cat; sleep 1000", {
    stdin: new ReadableStream({ pull: () => Promise.reject(new Error("torn")) }),
  });
  await assert.rejects(other.process.ended, /Cannot read the input: torn/);
  assert.equal((await other.process.gone).cause, "stopped");
  assert.deepEqual(at.alive([it.process.pid, other.process.pid]), []);
});
