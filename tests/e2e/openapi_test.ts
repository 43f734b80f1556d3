/** Tests the description of the API, and the real server against it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { ADAPTERS, HostProcess, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";

const API_KEY = "a-key-for-the-contract";

/**
 * Settings of schemathesis. A deadline may be a fraction of a millisecond, so 504 is the right
 * answer to some calls.
 */
const SETTINGS = `[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 504]

# Metadata is refused if it has integers that JSON readers round.
[[operations]]
include-path-regex = "/v1/sessions(/{id})?$"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, 412, 429]

# So is that of programs, and their arguments if they have bytes. Their tools are unknown, or refuse
# them.
[[operations]]
include-path-regex = "/programs"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, 412, 422, 429]

# A file has the media type that it was given, whatever its bytes are.
[[operations]]
include-path-regex = "^/v1/(files/{id}/content|jobs/{id}/artifacts/{name})$"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, 416]
response_schema_conformance.enabled = false

# There is one queue, cursors are those of a page before, and times must not be past. The result of
# a job can be the refusal of its arguments.
[[operations]]
include-path-regex = "^/v1/jobs"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, 409, 422]

# A hash must be that of the bytes, and a range in them.
[[operations]]
include-path-regex = "^/v1/files"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 404, 409, 415, 416]

# A job can have such an id.
[[operations]]
include-path-regex = "^/v1/jobs/(batch|cancel|retry)$"
[operations.checks]
allow_header_conformance.enabled = false

# The number of workers is given by size, or by min and max, and 0 workers are not started ahead.
[[operations]]
include-path-regex = "^/v1/(pools|workers)(/|$)"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 403, 404, 409, 422]

# The pool would be gone, or send no more calls.
[[operations]]
include-operation-id = ["removePool", "pausePool"]
enabled = false

# No stream is kept, and the requests open no WebSocket.
[[operations]]
include-path-regex = "^/v1/(streams/|socket$)"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", 410, 426]

# Which values a variable takes depends on its type and constraints.
[[operations]]
include-path-regex = "/variables/"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", 404, 412, 422, 429]
# A variable can have the name "batch".
allow_header_conformance.enabled = false
`;

const python = await devPython();

/** A schema of a description. */
interface Schema {
  readonly properties?: Record<string, unknown>;
}

interface Contract extends AsyncDisposable {
  readonly url: string;
  /** The file with its description. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Starts a server with the tools of contract.py, and writes its description to a file. */
async function serveContract(apiKey?: string): Promise<Contract> {
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await tempDir());
  const config = join(dir.path, "snakeden.config.json");
  const pools = [{ name: "default", size: 2, adapter: "contract", modulePaths: [ADAPTERS] }];
  await Deno.writeTextFile(config, JSON.stringify({ pools }));
  const { url } = resources.use(
    await ServerProcess.start({
      dataDir: join(dir.path, "data"),
      args: ["--config", config],
      env: apiKey === undefined ? {} : { SNAKEDEN_API_KEY: apiKey },
    }),
  );
  const headers = apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` };
  const answer = await fetch(`${url}/openapi.json`, { headers });
  const path = join(dir.path, "openapi.json");
  await Deno.writeTextFile(path, await answer.text());
  const all = resources.move();
  return { url, path, headers, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/**
 * Writes the description without the bodies that are not JSON, and the queries and headers that go
 * with them. It cannot say which tool takes which file or argument there, or which header needs
 * another one, so nothing valid can be made from it.
 * The events of sessions, and fields that depend on others, are left out too.
 */
async function withoutUploads(path: string): Promise<string> {
  const description = JSON.parse(await Deno.readTextFile(path));
  const { paths } = description;
  const variable = paths["/v1/sessions/{id}/variables/{name}"].put;
  for (const route of [paths["/v1/execute"].post, paths["/v1/stream"].post, variable]) {
    const { content } = route.requestBody;
    route.requestBody.content = { "application/json": content["application/json"] };
    route.parameters = route.parameters.filter((it: { in: string }) => it.in === "path");
  }
  // Its body and its answer are lines.
  delete paths["/v1/map"];
  // It has no end.
  delete paths["/v1/sessions/{id}/events"];
  // So would it send no more calls.
  delete description.components.schemas.PoolChange.properties.paused;
  // They are refused without a session, which a schema of fields alone does not say.
  for (const { properties = {} } of Object.values<Schema>(description.components.schemas)) {
    delete properties["affinity"];
    delete properties["rebind"];
    // All jobs are refused while their queue drains.
    delete properties["draining"];
  }
  const reduced = `${path}.reduced.json`;
  await Deno.writeTextFile(reduced, JSON.stringify(description));
  return reduced;
}

async function runPython(args: readonly string[], cwd: string): Promise<string | undefined> {
  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", PYTHONWARNINGS: "ignore" },
    stdin: "null",
  }).output();
  const text = [stdout, stderr].map((it) => new TextDecoder().decode(it)).join("\n");
  return success ? undefined : text;
}

/** True if schemathesis runs: it needs Python 3.11, everything else 3.10. */
const explores = await runPython(["-c", "import schemathesis"], ROOT) === undefined;

for (const apiKey of [undefined, API_KEY]) {
  const name = apiKey === undefined ? "without an API key" : "with an API key";

  Deno.test(`GET /openapi.json satisfies its validators ${name}`, async () => {
    await using contract = await serveContract(apiKey);
    assert.equal(await runPython(["-m", "openapi_spec_validator", contract.path], ROOT), undefined);
    const folder = join(ROOT, "scripts/openapi");
    const args = ["run", "-A", "--quiet", `--config=${folder}/deno.json`, `${folder}/lint.ts`];
    await using lint = new HostProcess([...args, contract.path]);
    const { code, stdout, stderr } = await lint.finished();
    assert.equal(code, 0, stdout + stderr);
  });

  Deno.test({
    name: `GET /openapi.json describes what the server returns ${name}`,
    ignore: !explores,
    async fn(): Promise<void> {
      await using contract = await serveContract(apiKey);
      await using dir = await tempDir();
      const headers = Object.entries(contract.headers)
        .flatMap(([header, value]) => ["--header", `${header}: ${value}`]);
      await Deno.writeTextFile(join(dir.path, "schemathesis.toml"), SETTINGS);
      const problems = await runPython([
        ...[
          "-m",
          "schemathesis.cli",
          "--config-file",
          "schemathesis.toml",
          "run",
          await withoutUploads(contract.path),
          ...["--url", contract.url],
          ...headers,
        ],
        ...["--seed", "1", "--max-examples", "40", "--generation-database", "none"],
      ], dir.path);
      assert.equal(problems, undefined);
    },
  });
}
