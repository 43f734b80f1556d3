import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { Snakeden } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { isRecord } from "../../src/json/mod.ts";
import { ROOT, ServerProcess } from "../fixtures/host.ts";
import { fileNameOf, type Snippet } from "./markdown.ts";
import { makeFolder, programOf, writeConfig, writeFile } from "./reader_folder.ts";
import { commandsOf, type ShellCommand } from "./shell_block.ts";
import { isShown } from "./shown_output.ts";

/** Tasks that other tests or `.ci/run` run, or that run until they are stopped. */
const TASKS_OF_OTHERS = ["bench", "check", "dev", "doctor", "gen", "serve", "setup", "test"];
const TASK = /^((?:[A-Z_]+=\S+ )*)(?:npx -y deno@[\d.]+|deno) task (\w+)/;
/** The command line, which finds its server by a variable. */
const TASK_OF_CLIENT = /\bdeno task (?:-\S+ (?:\S+ )?)*(?:job|pool)\b/;
const ADDRESS = /(?:http:\/\/)?(?:localhost|127\.0\.0\.1):8000/g;
const SAMPLE = "name,age\nAda,36\nAlan,41\n";
const API_KEY = "a-key-of-enough-characters";

/**
 * Runs the snippets of one page, as a reader who copies them into one folder. Files that a page
 * shows are in this folder from the beginning. Commands of `curl`, `deno task job` and
 * `deno task pool` go to a server that has been started in it. Programs run without a check of
 * their types, which typeErrors() checks for all pages at once.
 */
export class Page implements AsyncDisposable {
  readonly #root: string;
  readonly #resources: AsyncDisposableStack;
  #server: ServerProcess | undefined;
  /** The variables before the last `deno task serve`. */
  #settings: Record<string, string> = {};
  /** The output of the previous snippet, for a block that shows it. */
  #output: string | undefined;

  private constructor(root: string, resources: AsyncDisposableStack) {
    this.#root = root;
    this.#resources = resources;
  }

  /** Opens the page of a text. `files` is a folder whose files the reader has as well. */
  static async open(markdown: string, files?: string): Promise<Page> {
    const resources = new AsyncDisposableStack();
    const root = await Deno.makeTempDir({ prefix: "snakeden-docs-" });
    resources.defer(() => Deno.remove(root, { recursive: true }));
    const page = new Page(root, resources);
    await writeConfig(root);
    await makeFolder(page.#folder, markdown, files);
    await Deno.writeTextFile(join(root, "sample.csv"), SAMPLE);
    return page;
  }

  /** The folder of the reader. */
  get #folder(): string {
    return join(this.#root, "page");
  }

  /**
   * Runs a snippet in the way of its language. `next` is the snippet after it, which may show an
   * answer that is an error.
   *
   * @throws If it fails, or if the page shows another output.
   */
  async run(snippet: Snippet, next?: Snippet): Promise<void> {
    const { language, text, followsSnippet } = snippet;
    // A snippet that prints nothing is not followed by its output.
    const before = followsSnippet ? this.#output?.trim() || undefined : undefined;
    this.#output = undefined;
    switch (language) {
      case "sh":
        this.#output = await this.#runShell(text, { isShown: next?.followsSnippet ?? false });
        return;
      case "ts":
        this.#output = await this.#runScript(snippet);
        return;
      case "python":
        this.#output = await this.#runPython(snippet);
        return;
      case "json":
        if (before === undefined) return await this.#runConfig(text);
        return assertShown(text, before);
      case "jsonl":
        for (const line of text.trim().split("\n")) JSON.parse(line);
        return;
      case "":
      case "text":
        if (before !== undefined) assertShown(text, before);
        return;
      case "mermaid":
        return;
      default:
        throw new Error(`no test runs ${language}; say why in a comment <!-- not run: REASON -->`);
    }
  }

  async #runShell(block: string, { isShown }: { readonly isShown: boolean }): Promise<string> {
    const outputs: string[] = [];
    for (const command of commandsOf(block)) {
      outputs.push(await this.#runCommand(isShown ? { output: "…", ...command } : command));
    }
    return outputs.join("");
  }

  async #runCommand({ command, output, status }: ShellCommand): Promise<string> {
    const [, settings = "", task] = TASK.exec(command) ?? [];
    if (task !== undefined) {
      assert.ok(task in denoJson.tasks, `deno.json has a task ${task}`);
      if (task === "serve") this.#settings = await this.#variablesOf(settings);
      if (TASKS_OF_OTHERS.includes(task)) return "";
    }
    let line = command.replaceAll("/path/to/snakeden/", ROOT)
      .replaceAll(
        /(?<=\s|")(?:\/path\/to\/some\.csv|FILE(?:\.csv)?)(?=\s|"|$)/g,
        () => join(this.#root, "sample.csv"),
      );
    // Only the flags: the server would run until it is stopped.
    const isServer = / main\.ts$/.test(line);
    if (isServer) line += " --version";
    line = line.replaceAll(/(?<=\s)examples\//g, `${ROOT}examples/`);
    if (line.search(ADDRESS) >= 0) {
      const { url } = this.#server ??= await this.#startServer();
      line = line.replaceAll(ADDRESS, url);
    }
    const isOfClient = TASK_OF_CLIENT.test(line);
    if (isOfClient) {
      const { url } = this.#server ??= await this.#startServer();
      line = `export SNAKEDEN_URL=${url}; ${line}`;
    }
    const isCurl = line.startsWith("curl ");
    if (isCurl) line = line.replace("curl ", "curl -w '\\n%{http_code}' ");
    const run = await this.#execute(
      ["sh", "-c", line],
      isServer || isOfClient || task !== undefined ? ROOT : this.#folder,
    );
    assert.equal(run.code, 0, `${line}\n${run.stdout}${run.stderr}`);
    if (!isCurl) return run.stdout;
    const [, body = "", answered] = /^([^]*)\n(\d+)$/.exec(run.stdout) ?? [];
    assert.ok(
      status === undefined
        ? Number(answered) < 400 || output !== undefined
        : String(status) === answered,
      `${line} answered ${answered}: ${body}`,
    );
    if (output !== undefined) assertShown(output, body);
    return body;
  }

  /** Returns the variables in front of a command. Paths lead to the reader or to the repository. */
  async #variablesOf(settings: string): Promise<Record<string, string>> {
    const variables: Record<string, string> = {};
    for (const [, name = "", value = ""] of settings.matchAll(/(\w+)=(\S+)/g)) {
      const places = [join(this.#folder, value), join(ROOT, value)];
      const [isHere, isThere] = await Promise.all(places.map(exists));
      variables[name] = (isHere ? places[0] : isThere ? places[1] : undefined) ?? value;
    }
    return variables;
  }

  async #startServer(): Promise<ServerProcess> {
    return this.#resources.use(
      await ServerProcess.start({
        dataDir: join(this.#root, "server"),
        cwd: this.#folder,
        env: this.#settings,
      }),
    );
  }

  async #runScript(snippet: Snippet): Promise<string> {
    const { name, text } = programOf(snippet);
    const isFile = fileNameOf(snippet) !== undefined;
    const path = await writeFile(this.#folder, name, isFile ? text : await this.#withServer(text));
    const command = [
      Deno.execPath(),
      ...["run", "-A", "--quiet", `--config=${join(this.#root, "deno.json")}`],
      path,
    ];
    const env = await this.#hostOf(snippet.text);
    const { code, stdout, stderr } = await this.#execute(command, this.#folder, env);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }

  /** Returns the variables by which a program finds the server, if it connects to one. */
  async #hostOf(text: string): Promise<Record<string, string>> {
    if (!/\bconnect\(\)/.test(text)) return {};
    const { url } = this.#server ??= await this.#startServer();
    return { SNAKEDEN_URL: url };
  }

  /** Starts the server that the program of a client calls. */
  async #withServer(text: string): Promise<string> {
    if (!text.includes('from "snakeden/client"') || text.search(ADDRESS) < 0) return text;
    const { url } = this.#server ??= await this.#startServer();
    return text.replaceAll(ADDRESS, url);
  }

  /** Returns the output of a program; an adapter, which a worker loads, has none. */
  async #runPython(snippet: Snippet): Promise<string | undefined> {
    const name = fileNameOf(snippet) ?? `line_${snippet.line}.py`;
    const path = await writeFile(this.#folder, name, snippet.text);
    if (name.endsWith("__init__.py") || /^\s*@tool|\(Adapter\):/m.test(snippet.text)) {
      const adapter = name.replace(/(?:\/__init__)?\.py$/, "").replaceAll("/", ".");
      await this.#serve([{ name: "default", size: 1, adapter, modulePaths: [this.#folder] }]);
      return undefined;
    }
    const isTest = /^def test_/m.test(snippet.text);
    const how = isTest ? ["-m", "pytest", "--quiet", path] : [path];
    const env = await this.#hostOf(snippet.text);
    const command = [await devPython(), ...how];
    const { code, stdout, stderr } = await this.#execute(command, this.#folder, env);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }

  /** Checks a configuration, and serves its pools if the page shows their adapters. */
  async #runConfig(text: string): Promise<void> {
    const input: unknown = JSON.parse(text);
    assert.ok(isRecord(input), "a configuration");
    const { pools } = parseConfig(input, { baseDir: this.#folder });
    const modules = pools.flatMap((it) => [it.adapter].flat()).map((it) => it.split(":")[0] ?? "");
    const paths = modules.map((it) => join(this.#folder, it.replaceAll(".", "/")));
    const isHere = await Promise.all(
      paths.map(async (it) => await exists(`${it}.py`) || await exists(it)),
    );
    if (input.pools === undefined || isHere.includes(false)) return;
    await this.#serve(pools.map((pool) => ({ ...pool, size: 1 })));
  }

  /** Starts a host with these pools, whose workers load the adapters. */
  async #serve(pools: NonNullable<Parameters<typeof Snakeden.start>[0]>["pools"]): Promise<void> {
    await using den = await Snakeden.start({
      dataDir: join(this.#root, "host"),
      python: { executable: await devPython() },
      ...(pools === undefined ? {} : { pools }),
    });
    for (const { name, state, reason } of den.pools.list()) {
      assert.equal(state, "ready", `${name}: ${reason}`);
    }
    assert.ok(den.tools.list().length > 0, "some tool");
  }

  async #execute(
    [program = "", ...args]: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const python = await devPython();
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd,
      env: {
        NO_COLOR: "1",
        PATH: `${dirname(python)}:${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
        PYTHONPATH: join(ROOT, "python/src"),
        SNAKEDEN_API_KEY: API_KEY,
        SNAKEDEN_DATA_DIR: join(this.#root, "script"),
        SNAKEDEN_PYTHON: python,
        ...env,
      },
      stdin: "null",
    }).output();
    const [out = "", err = ""] = [stdout, stderr].map((it) => new TextDecoder().decode(it));
    return { code, stdout: out, stderr: err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

function assertShown(shown: string, actual: string): void {
  assert.ok(isShown(shown, actual), `the page shows\n${shown}\nbut the output is\n${actual}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
