/** Submits the batch of a file by the command line, as a person does. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenClient } from "../../src/client/mod.ts";
import { ADAPTERS, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";

const DENO = Deno.execPath();

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server of the demo tools, and the folder of a person. */
class Place implements AsyncDisposable {
  readonly #parts: AsyncDisposableStack;
  readonly client: SnakedenClient;
  readonly path: string;
  readonly url: string;

  private constructor(parts: AsyncDisposableStack, { url }: ServerProcess, path: string) {
    this.#parts = parts;
    this.client = parts.use(new SnakedenClient({ baseUrl: url }));
    this.path = path;
    this.url = url;
  }

  static async open(): Promise<Place> {
    await using parts = new AsyncDisposableStack();
    const { path } = parts.use(await tempDir());
    const config = join(path, "snakeden.config.json");
    const pools = [
      { name: "default", size: 2 },
      { name: "logs", size: 1, adapter: "writes_logs", modulePaths: [ADAPTERS] },
    ];
    await Deno.writeTextFile(config, JSON.stringify({ pools }));
    const dataDir = join(path, "data");
    const env = { SNAKEDEN_CONFIG: config };
    const server = parts.use(await ServerProcess.start({ dataDir, env }));
    return new Place(parts.move(), server, path);
  }

  async run(script: string): Promise<Ended> {
    const task = `"${DENO}" task -q --config "${ROOT}/deno.json" job`;
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", `unset INIT_CWD; job() { ${task} "$@"; }; ${script}`],
      cwd: this.path,
      env: { NO_COLOR: "1", SNAKEDEN_URL: this.url },
      stdin: "null",
    }).output();
    const [out = "", err = ""] = [stdout, stderr].map((it) => new TextDecoder().decode(it));
    return { code, stdout: out, stderr: err };
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.path, name), text);
  }

  async read(name: string): Promise<string> {
    return await Deno.readTextFile(join(this.path, name));
  }

  async fileCount(): Promise<number> {
    return (await this.client.files.list()).items.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

function linesOf(text: string): { index: number; result?: unknown; error?: unknown }[] {
  return text.trimEnd().split("\n").map((it) => JSON.parse(it)).sort((a, b) => a.index - b.index);
}

Deno.test("job submit --batch runs a tool for the items of a file in each format", async () => {
  await using place = await Place.open();
  await place.write("items.csv", "a,b\n1,2\n3,4\n");
  await place.write("items.NDJSON", '{"a":1}\n{"a":"no"}\n');
  await place.write("words.txt", "one\n二 世界\n");
  const csv = await place.run("job submit add --batch items.csv --wait");
  assert.deepEqual([csv.code, linesOf(csv.stdout).map((it) => it.result)], [0, [3, 7]], csv.stderr);
  const json = await place.run("job submit add --batch items.NDJSON b=5 --follow -o out.ndjson");
  assert.deepEqual([json.code, json.stdout], [0, ""], json.stderr);
  const [first, second] = linesOf(await place.read("out.ndjson"));
  assert.equal(first?.result, 6);
  assert.ok(second?.error !== undefined);
  const text = await place.run("job submit echo --batch words.txt --input value -q --wait -o out");
  assert.deepEqual([text.code, text.stderr], [0, ""]);
  assert.match(text.stdout, /^[0-9a-z]{26}\n$/);
  assert.deepEqual(linesOf(await place.read("out")).map((it) => it.result), ["one", "二 世界"]);
  const piped = await place.run(
    "printf '1\\n2\\n' | job submit echo --batch - --format ndjson --input value --wait | head -n 1",
  );
  assert.match(piped.stdout, /^\{"index":[01],"result":[12]\}\n$/);
  const names = Array.from(Deno.readDirSync(place.path), ({ name }) => name).sort();
  const kept = ["data", "items.NDJSON", "items.csv", "out", "out.ndjson", "snakeden.config.json"];
  assert.deepEqual(names, [...kept, "words.txt"]);
});

Deno.test("job submit --batch with an id uploads and submits once", async () => {
  await using place = await Place.open();
  await place.write("items.csv", "a,b\n1,2\n");
  const command = "job submit add --batch items.csv --id sums --wait";
  const first = await place.run(command);
  const again = await place.run(command);
  assert.deepEqual([again.code, again.stdout], [0, first.stdout]);
  assert.equal(again.stderr, "The job sums already exists.\n");
  const other = await place.run("job submit echo --batch items.csv --id sums");
  assert.equal(other.code, 1);
  assert.match(other.stderr, /the job "sums" is there, and is a batch of add\n {2}code: idem/);
  assert.equal(await place.fileCount(), 1);
});

Deno.test("job submit --batch leaves no file of a batch that is refused, and says what is wrong", async () => {
  await using place = await Place.open();
  await place.write("items.csv", "a,b\n1,2\n");
  await place.write("items.xlsx", "no");
  for (
    const [args, code, pattern] of [
      ["none --batch items.csv", 3, /code: unknown_tool/],
      ["add --batch items.csv --window 2 --options '{\"x\":1}'", 2, /code: invalid_input/],
      [
        "add --batch items.xlsx",
        2,
        /given "items\.xlsx"; allowed: a file .* \.csv, .*--format csv/,
      ],
      ["add --batch - --wait", 2, /given standard input; allowed: .*--format/],
      ["add --batch none.csv", 2, /Cannot read the file none\.csv: No such file or directory\n/],
      ["add --batch . --format csv", 2, /Cannot read the file \.: Is a directory\n/],
      ["add --format csv", 2, /--format needs --batch FILE/],
      [
        "add --batch items.csv --idempotency-key k",
        2,
        /each upload is another file; allowed: --id/,
      ],
      ["add --batch items.csv --session s", 2, /a batch has no --session/],
      [
        "add --batch items.csv --wait -o data/no/out",
        2,
        /--output: cannot create data\/no\/out: No/,
      ],
    ] as const
  ) {
    const ended = await place.run(`job submit ${args}`);
    assert.deepEqual([ended.code, ended.stdout], [code, ""], args + ended.stderr);
    assert.match(ended.stderr, pattern);
  }
  assert.equal(await place.fileCount(), 0);
});

Deno.test("in a terminal of 20 columns, --batch --follow shows results and log above the progress", async () => {
  await using place = await Place.open();
  await place.write("items.ndjson", '{"seconds":0.2}\n{"seconds":0.3}\n');
  const script = `cd '${place.path}' && unset INIT_CWD && exec "$@"`;
  const open = async (args: string[]): Promise<Terminal> =>
    await Terminal.open([
      ...["bash", "-c", script, "bash", DENO, "task", "-q", "--config", `${ROOT}/deno.json`, "job"],
      ...args,
    ], { columns: 20, env: { SNAKEDEN_URL: place.url } });
  const batch = ["submit", "write_slowly", "--batch", "items.ndjson", "--follow"];
  await using terminal = await open(batch);
  assert.equal(await terminal.finished(), 0, terminal.output);
  // deno-lint-ignore no-control-regex
  assert.match(terminal.output, /running\r\x1b\[K\d{4}-\S+Z stdout: step \d+\n/);
  assert.match(terminal.output, /\{"index":1,"result":null\}\nrunning {2}\d+%/);

  await place.write("items.ndjson", '{"seconds":600}\n');
  await using stopped = await open([...batch, "--id", "long", "-o", "out"]);
  await stopped.shows(/stdout: step 3\n/);
  await stopped.pressCtrlC();
  assert.equal(await stopped.finished(), 130, stopped.output);
  assert.match(stopped.output, /The job long goes on\. `deno task job wait long`/);
  assert.equal((await place.client.jobs.get("long")).state, "running");
  assert.ok([...Deno.readDirSync(place.path)].every(({ name }) => !name.startsWith("out")));
  await place.client.jobs.cancel("long");
});
