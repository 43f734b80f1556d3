/**
 * The example of examples/spreadsheet_inbox/README.md, with a real server and the permissions of
 * `deno task serve`: a table with a row that kills its worker, a schema that changes while rows are
 * checked, and a server that is killed in the middle.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SnakedenClient } from "../../src/client/mod.ts";
import { HostProcess, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { filesOfCalls, untilNoFolders } from "../fixtures/files_den.ts";
import { until } from "../fixtures/until.ts";

const EXAMPLE = join(ROOT, "examples/spreadsheet_inbox");
const ROWS = 6_000;
const POISON = 1_501;

/** A server of the example, with a schema of its own that a test may edit. */
class Inbox implements AsyncDisposable {
  readonly dir: string;
  readonly dataDir: string;
  readonly table: string;
  #server: ServerProcess | undefined;

  constructor(dir: string) {
    this.dir = dir;
    this.dataDir = join(dir, "data");
    this.table = join(dir, "table.csv");
  }

  get server(): ServerProcess {
    assert.ok(this.#server !== undefined, "it has been started");
    return this.#server;
  }

  /** Writes the table, the schema, and a configuration in which each row takes at least 2 ms. */
  async prepare(): Promise<void> {
    const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", join(EXAMPLE, "make_table.ts"), String(ROWS), "30", String(POISON)],
    }).output();
    assert.ok(success);
    await Deno.writeFile(this.table, stdout);
    await this.writeSchema((schema) => schema);
    await Deno.writeTextFile(
      join(this.dir, "snakeden.config.ts"),
      `import example from ${JSON.stringify(pathToFileURL(join(EXAMPLE, "snakeden.config.ts")))};
      const [tool] = example.hostTools;
      const run = async (args, call) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        return await tool.run(args, call);
      };
      export default {
        ...example,
        jobs: { leaseMs: 2_000 },
        hostTools: [{ ...tool, run }],
      };`,
    );
  }

  /** Writes the schema of the example as `change` returns it. */
  async writeSchema(change: (schema: Schema) => Schema): Promise<void> {
    const schema = JSON.parse(await Deno.readTextFile(join(EXAMPLE, "schema.json")));
    await Deno.writeTextFile(join(this.dir, "schema.json"), JSON.stringify(change(schema)));
  }

  /** Starts the server, at its old address if it has run before. */
  async serve(): Promise<SnakedenClient> {
    const port = this.#server === undefined ? "0" : new URL(this.#server.url).port;
    await this.#server?.finished();
    this.#server = await ServerProcess.start({
      dataDir: this.dataDir,
      env: {
        SNAKEDEN_PORT: port,
        SNAKEDEN_CONFIG: join(this.dir, "snakeden.config.ts"),
        TABLE_SCHEMA: join(this.dir, "schema.json"),
      },
    });
    return new SnakedenClient({ baseUrl: this.#server.url });
  }

  /** Runs the client of the example. */
  send(): HostProcess {
    return new HostProcess([
      ...["run", "--allow-net", "--allow-read", "--allow-write"],
      ...[join(EXAMPLE, "inbox.ts"), this.table, this.dir, this.server.url],
    ]);
  }

  /** Returns the id of the batch that a client has submitted. */
  batchOf(client: HostProcess): Promise<string> {
    return until(() => /^check: (\S+)$/m.exec(client.stdout)?.[1], "the batch is submitted", {
      timeoutMs: 60_000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}

interface Schema {
  readonly version: number;
  readonly columns: Readonly<Record<string, object>>;
}

interface Verdict {
  readonly version: number;
}

/** In this version amounts up to 500 are right only. */
function second({ columns }: Schema): Schema {
  return { version: 2, columns: { ...columns, amount: { ...columns["amount"], max: 500 } } };
}

/** Says whether the schema allows a row of make_table.ts, worked out by hand. */
function isRight(id: number, version: number): boolean {
  return id % 10 !== 0 && (version === 1 || (id * 7 % 100_000) / 100 <= 500);
}

/** Waits until this version has judged a row. */
async function judgedBy(client: SnakedenClient, batch: string, version: number): Promise<void> {
  for await (const item of client.jobs.results<Verdict>(batch)) {
    if ("result" in item && item.result.version === version) return;
  }
  assert.fail(`version ${version} has judged no row`);
}

/** Reads a table whose cells have commas, quotes and line breaks in the column text_1 only. */
async function tableIn(path: string): Promise<string[][]> {
  const text = (await Deno.readTextFile(path)).replaceAll(/"a ""note"",\n(\d+)"/g, "note $1");
  return text.trimEnd().split("\n").map((line) => line.replaceAll(/"[^"]*"/g, "quoted").split(","));
}

Deno.test("examples/spreadsheet_inbox has each row once in its two tables, through kill -9 of the server", async () => {
  await using dir = await tempDir();
  await using inbox = new Inbox(dir.path);
  await inbox.prepare();
  await using den = await inbox.serve();
  await using client = inbox.send();
  const batch = await inbox.batchOf(client);
  await judgedBy(den, batch, 1);
  await inbox.writeSchema(second);
  await judgedBy(den, batch, 2);
  // Other calls go on beside the batch, on the same workers.
  const row = { id: "1", country: "DE", amount: "600" };
  for (let i = 0; i < 20; i++) {
    const verdict = await den.execute<{ problems: object }>("check_row", { row });
    assert.deepEqual(Object.keys(verdict.problems), ["amount"]);
  }
  assert.equal((await den.jobs.get(batch)).state, "running");
  inbox.server.kill("SIGKILL");
  await using again = await inbox.serve();
  const { code, stdout, stderr } = await client.finished();
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, new RegExp(`^check: ${ROWS} rows, 1 failed$`, "m"));
  const { attempts = [] } = await again.jobs.get(batch);
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["lost", "completed"]);

  const [header, ...clean] = await tableIn(join(dir.path, "clean.csv"));
  const [errorHeader, ...errors] = await tableIn(join(dir.path, "errors.csv"));
  assert.deepEqual(errorHeader?.slice(0, 4), ["row", "schema_version", "problems", "id"]);
  assert.deepEqual([header?.length, header?.at(-1)], [31, "schema_version"]);
  const ids = [...clean.map(([id]) => Number(id)), ...errors.map(([, , , id]) => Number(id))];
  assert.deepEqual(ids.toSorted((a, b) => a - b), Array.from({ length: ROWS }, (_, i) => i + 1));
  const versions = new Set<number>();
  for (const cells of clean) {
    const version = Number(cells.at(-1));
    versions.add(version);
    assert.ok(cells.length === 31 && isRight(Number(cells[0]), version), cells.join());
  }
  for (const [at, version, problems, id] of errors) {
    assert.equal(at, id);
    if (Number(id) === POISON) assert.deepEqual([version, problems], ["", "worker_crashed"]);
    else assert.ok(!isRight(Number(id), Number(version)), `${id}: ${problems}`);
  }
  assert.deepEqual([...versions].sort(), [1, 2]);
});

Deno.test("examples/spreadsheet_inbox cancels its batch on an interrupt, and leaves no temporary file", async () => {
  await using dir = await tempDir();
  await using inbox = new Inbox(dir.path);
  await inbox.prepare();
  await using den = await inbox.serve();
  await using client = inbox.send();
  const batch = await inbox.batchOf(client);
  await judgedBy(den, batch, 1);
  client.kill("SIGINT");
  const { code, stderr } = await client.finished();
  assert.equal(code, 1);
  assert.match(stderr, /^check: cancelled/m);
  const { state, items } = await den.jobs.get(batch);
  assert.equal(state, "cancelled");
  assert.ok(items !== undefined && items.done > 0 && items.done < ROWS, JSON.stringify(items));
  await untilNoFolders(inbox.dataDir);
  assert.deepEqual(await filesOfCalls(inbox.dataDir), []);
  const incoming = Deno.readDir(join(inbox.dataDir, "blobs/incoming"));
  assert.deepEqual(await Array.fromAsync(incoming), []);
  assert.deepEqual((await den.files.list()).items.map(({ name }) => name), ["table.csv"]);
});
