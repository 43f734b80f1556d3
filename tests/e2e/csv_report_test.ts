/**
 * The commands of examples/csv_report/README.md, and those of docs/jobs.md with an id, against a
 * real server that is killed in the middle.
 */
import assert from "node:assert/strict";
import { tempDir } from "../fixtures/host.ts";
import { PageShell, snippetsIn } from "../fixtures/page_shell.ts";
import { until } from "../fixtures/until.ts";

const PAGE = "examples/csv_report/README.md";

Deno.test("examples/csv_report profiles a file by a job, through kill -9 of the server", async (t) => {
  await using dir = await tempDir();
  await using reader = await PageShell.open(dir.path);
  const snippets = await snippetsIn(PAGE);
  const blocks = snippets.filter(({ language }) => language === "sh");
  assert.equal(blocks.length, 10);
  for (const block of blocks) {
    const hasPassed = await t.step(`line ${block.line}`, async () => {
      const stdout = await reader.follow(block, snippets);
      if (block.text.startsWith("sh ")) assert.equal(JSON.parse(stdout).result.rows, 344);
    });
    if (!hasPassed) return;
  }

  await t.step("report.sh goes on when the server is killed and is back", async () => {
    const script = "sh examples/csv_report/report.sh /tmp/penguins.csv";
    await using report = spawned(reader.command(script));
    await until(() => report.stderr.includes('{"fraction"'), "the first report of progress");
    reader.server.kill("SIGKILL");
    await reader.serve();
    assert.ok(await report.succeeded, report.stderr);
    assert.equal(JSON.parse(report.stdout).result.rows, 344 * 2001);
  });
});

Deno.test("docs/jobs.md follows a job by its id, with nothing but curl", async () => {
  await using dir = await tempDir();
  await using reader = await PageShell.open(dir.path);
  await reader.serve();
  const [block] = (await snippetsIn("docs/jobs.md")).filter((it) =>
    it.directive?.value === "tests/e2e/csv_report_test.ts"
  );
  assert.ok(block !== undefined);
  await reader.run(
    `JOB=$(curl -s localhost:8000/v1/jobs -H 'content-type: application/json' ` +
      `-d '{"tool":"counter","args":{"n":2}}' | sed 's/^{"id":"\\([^"]*\\)".*/\\1/')`,
  );
  const outputs: string[] = [];
  for (const line of block.text.trim().split("\n")) {
    outputs.push((await reader.run(line)).stdout);
  }
  const [events = "", job = "", result = "", again = "", cancelled = ""] = outputs;
  assert.deepEqual([...events.matchAll(/^event: (\w+)$/gm)].map(([, type]) => type).slice(-3), [
    "chunk",
    "chunk",
    "end",
  ]);
  assert.deepEqual(JSON.parse(result), { result: [0, 1] });
  const states = [job, again, cancelled].map((it) => JSON.parse(it));
  assert.equal(states[0].state, "completed");
  assert.equal(states[1].id, states[0].id);
  assert.ok(
    states[2].state === "cancelled" || states[2].state === "completed" ||
      states[2].cancelling,
  );
});

interface Spawned extends AsyncDisposable {
  readonly stdout: string;
  readonly stderr: string;
  readonly succeeded: Promise<boolean>;
}

function spawned(command: Deno.Command): Spawned {
  const child = command.spawn();
  const output = { stdout: "", stderr: "" };
  const reading = (["stdout", "stderr"] as const).map(async (name) => {
    for await (const text of child[name].pipeThrough(new TextDecoderStream())) {
      output[name] += text;
    }
  });
  const succeeded = Promise.all([child.status, ...reading]).then(([{ success }]) => success);
  return {
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    succeeded,
    [Symbol.asyncDispose]: async () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await succeeded;
    },
  };
}
