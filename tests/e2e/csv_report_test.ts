/**
 * The commands of examples/csv_report/README.md, and those of docs/jobs.md with an id, against a
 * real server that is killed in the middle.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Snippet, snippetsOf } from "../docs/markdown.ts";
import { isShown } from "../docs/shown_output.ts";
import { ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const PAGE = "examples/csv_report/README.md";
const SERVE = "deno task serve";

/** A shell whose variable JOB lives from block to block, beside a server that can be killed. */
class Reader implements AsyncDisposable {
  readonly #dir: string;
  #server: ServerProcess | undefined;
  #url = "";
  #job = "";

  constructor(dir: string) {
    this.#dir = dir;
  }

  get server(): ServerProcess {
    assert.ok(this.#server !== undefined, "the page starts a server");
    return this.#server;
  }

  /** Starts the server, at its old address if it has run before. */
  async serve(): Promise<void> {
    await this.#server?.finished();
    const port = this.#url === "" ? "0" : new URL(this.#url).port;
    this.#server = await ServerProcess.start({
      dataDir: join(this.#dir, ".snakeden"),
      env: { SNAKEDEN_PORT: port },
    });
    this.#url = this.#server.url;
  }

  /** Returns the text of a block with the addresses and paths of this test. */
  #here(text: string): string {
    return text.replaceAll(/(?:http:\/\/)?localhost:8000/g, this.#url)
      .replaceAll("/tmp/", `${this.#dir}/`)
      .replaceAll(".snakeden/", `${this.#dir}/.snakeden/`)
      .replace(/^sh \S+report\.sh .*/m, (it) => `${it} ${this.#url}`);
  }

  /** Runs a block; returns its output. */
  async run(text: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const state = join(this.#dir, "job");
    const { success, stdout, stderr } = await this.command(text, `printf %s "$JOB" > ${state}`)
      .output();
    const [out = "", err = ""] = [stdout, stderr].map((it) => new TextDecoder().decode(it));
    assert.ok(success, `${text}\n${out}${err}`);
    this.#job = await Deno.readTextFile(state);
    return { stdout: out, stderr: err };
  }

  /** Returns the command of a block; `after` is added as it is. */
  command(text: string, after = ""): Deno.Command {
    return new Deno.Command("sh", {
      args: ["-euc", `${this.#here(text)}\n${after}`],
      cwd: ROOT,
      env: { JOB: this.#job },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}

async function snippetsIn(page: string): Promise<Snippet[]> {
  return snippetsOf(await Deno.readTextFile(join(ROOT, page)));
}

Deno.test("examples/csv_report profiles a file by a job, through kill -9 of the server", async (t) => {
  await using dir = await tempDir();
  await using reader = new Reader(dir.path);
  const snippets = await snippetsIn(PAGE);
  const blocks = snippets.filter(({ language }) => language === "sh");
  assert.equal(blocks.length, 10);
  for (const block of blocks) {
    const hasPassed = await t.step(`line ${block.line}`, async () => {
      const text = block.text.trim();
      if (text === SERVE) return await reader.serve();
      const { stdout } = await reader.run(text);
      const next = snippets.find(({ line }) => line > block.line);
      if (next?.language === "text") {
        assert.ok(isShown(next.text, stdout), `the page shows\n${next.text}\nbut it is\n${stdout}`);
      }
      if (text.startsWith("sh ")) assert.equal(JSON.parse(stdout).result.rows, 344);
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
  await using reader = new Reader(dir.path);
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
