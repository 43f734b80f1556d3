/** Runs what docs/cli.md shows, as a person types it, against a real server. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { snippetsOf } from "../docs/markdown.ts";

const BLOCKS = snippetsOf(await Deno.readTextFile(join(ROOT, "docs/cli.md")))
  .filter(({ language }) => language === "sh").map(({ text }) => text);
/** `deno task` as in the folder of the clone, but with the files of the folder of a test. */
const DENO = `deno() { shift; command deno task -q --config "$CLONE/deno.json" "$@"; }\n`;

/** The scripts and commands that the page names. */
const JOBS = {
  scriptFolders: [{ path: "scripts", permissions: { net: ["api.example.com"] } }],
  commands: { thumbnail: { command: ["echo", "{input}", "{width}"] } },
};
const REPORT = `import sys\nprint('::snakeden result {"args":%d}' % (len(sys.argv) - 1))\n`;
const FETCH = `import { result } from "snakeden";
const net = await Deno.permissions.query({ name: "net", host: "api.example.com" });
result([net.state, Deno.env.get("LEVEL"), await new Response(Deno.stdin.readable).text()]);
`;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server of the demo tools, and the folder of a person who calls it. */
class Place implements AsyncDisposable {
  readonly #parts: AsyncDisposableStack;
  readonly #server: ServerProcess;
  readonly #folder: string;

  private constructor(parts: AsyncDisposableStack, server: ServerProcess, folder: string) {
    this.#parts = parts;
    this.#server = server;
    this.#folder = folder;
  }

  static async open(): Promise<Place> {
    await using parts = new AsyncDisposableStack();
    const { path } = parts.use(await tempDir());
    await Deno.mkdir(join(path, "scripts"));
    const config = join(path, "snakeden.config.json");
    await Deno.writeTextFile(config, JSON.stringify({ jobs: JOBS }));
    const env = { SNAKEDEN_CONFIG: config };
    const server = parts.use(await ServerProcess.start({ dataDir: join(path, "data"), env }));
    return new Place(parts.move(), server, path);
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.#folder, name), text);
  }

  /** Runs a script in the folder, which is the home of the person. */
  async run(script: string): Promise<Ended> {
    const clone = join(this.#folder, "snakeden");
    await Deno.symlink(ROOT, clone).catch((error) => {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    });
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      // `deno task` keeps the folder of the task around it, such as that of the tests.
      args: ["-ec", `unset INIT_CWD\n${script}`],
      cwd: this.#folder,
      env: {
        CLONE: clone,
        HOME: this.#folder,
        DENO_DIR: await denoDir(),
        NO_COLOR: "1",
        PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
        SNAKEDEN_URL: this.#server.url,
      },
      stdin: "null",
    }).output();
    const [out = "", err = ""] = [stdout, stderr].map((it) => new TextDecoder().decode(it));
    return { code, stdout: out, stderr: err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

Deno.test("the commands of docs/cli.md do what the page says", async () => {
  await using place = await Place.open();
  const [
    tour = "",
    alias = "",
    submissions = "",
    batches = "",
    programs = "",
    pools = "",
    ...rest
  ] = BLOCKS;
  assert.deepEqual(rest, []);
  const { code, stdout, stderr } = await place.run(DENO + tour);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^5\n0\n1\n2\n/);
  assert.match(stdout, /^job +sum$/m);
  assert.match(stderr, /^The log of the job sum has no lines to show\.$/m);
  const listed = await place.run(alias);
  assert.deepEqual([listed.code, listed.stderr], [0, ""]);
  assert.match(listed.stdout, /sum/);
  await place.write("args.json", '{"a":2}');
  const submitted = await place.run(DENO + submissions);
  assert.deepEqual([submitted.code, submitted.stderr], [0, ""]);
  await place.write("sums.csv", "a,b\n1,2\n");
  await place.write("sums.ndjson", '{"a":1}\n');
  await place.write("words.txt", "one\n");
  const batch = await place.run(`${DENO}${batches}\ncat results.ndjson`);
  assert.deepEqual(
    [batch.code, batch.stdout],
    [0, [3, '"one"', 4].map((it) => `{"index":0,"result":${it}}\n`).join("")],
    batch.stderr,
  );
  await place.write("scripts/report.py", REPORT);
  await place.write("scripts/fetch.ts", FETCH);
  await place.write("orders.csv", "id\n1\n");
  const ends =
    `deno task job list --kind script,command -q | tac | xargs -n 1 sh -c 'exec "$0" task ` +
    `-q --config "$CLONE/deno.json" job wait "$1"' "$(command -v deno)"`;
  const ran = await place.run(`${DENO}${programs}\n${ends}`);
  assert.equal(ran.code, 0, ran.stderr);
  const results = ran.stdout.split("\n").filter((it) => /^[{[n]/.test(it));
  const fetched = '["granted","2","id\\n1\\n"]';
  const [waited, followed] = ['{"args":1}', '{"args":2}'];
  assert.deepEqual(results, [waited, followed, waited, followed, fetched, "null"]);
  const changed = await place.run(DENO + pools);
  // There may be no room for two more, and no idle worker.
  assert.equal(changed.code, 0, changed.stderr);
  assert.match(
    changed.stdout,
    /^NAME +STATE [^]*^pool +default$[^]*^default-1 has ended\.$[^]*^default +paused .*[^]*^default +ready /m,
  );
  assert.match(changed.stderr, /^The configuration has not changed\.$|^$/m);
  assert.doesNotMatch(changed.stderr, /NotCapable|error:/);
});
