/** Tests the layout of docs/architecture.md: the directions of imports, names and sizes. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAX_SOURCE_LINES = 400;
const MAX_TEST_LINES = 500;
const MAX_FILES_A_FOLDER = 16;
/** Folders from which tests choose single files, so that they may have more. */
const CATALOGUES = ["tests/fixtures/adapters"];

/**
 * The parts of src, from top to bottom. Each may import from those below it, and not from those on
 * its own level. A folder directly in src is a part.
 */
const LEVELS: readonly (readonly string[])[] = [
  ["main"],
  ["server", "testing"],
  ["routes", "dashboard", "script", "spawn"],
  ["snakeden"],
  ["host"],
  ["jobs", "reload", "sessions"],
  ["map"],
  ["calls"],
  ["files"],
  ["tools"],
  ["pool"],
  ["bridge"],
  ["kv", "sqlite", "blobs", "hardware", "telemetry", "python_env"],
  ["config"],
  ["cli", "scripting"],
  ["store", "process", "types_gen", "client"],
  ["values"],
  ["async", "collections", "json"],
  ["log"],
  ["errors"],
];

/**
 * The floors inside a part, from top to bottom, with the same rule: a subfolder, a file directly in
 * the part, or "." for its other files. The mod.ts of the part is above all of them. A part that is
 * missing here has no floors.
 */
const SUBLEVELS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  bridge: [["."], ["carriers"], ["shared_memory"], ["values"], ["gen"]],
  calls: [["."], ["files", "policies"]],
  cli: [["."], ["jobs", "pools"], ["command"], ["terminal"]],
  client: [
    ["."],
    ["jobs", "namespaces"],
    ["files"],
    ["streams"],
    ["inputs"],
    ["http"],
    ["values"],
    ["shapes"],
  ],
  jobs: [
    ["."],
    ["engine", "follow", "submission"],
    ["runners"],
    ["batches", "scripts"],
    ["failures"],
    ["job.ts", "job_feed.ts", "stored_blob.ts"],
  ],
  pool: [
    ["."],
    ["code", "dispatch"],
    ["registered"],
    ["affinity", "supervision"],
    ["workers"],
    ["profiles"],
    ["crashes"],
    ["calls"],
  ],
  python_env: [
    ["."],
    ["installers"],
    ["environments"],
    ["requirements"],
    ["check_imports.ts", "find_interpreter.ts", "python_source.ts", "tree_size.ts"],
    ["environment_error.ts"],
  ],
  routes: [
    ["."],
    ["openapi"],
    ["socket"],
    ["programs", "jobs", "pools"],
    ["files", "sessions"],
    ["calls"],
    ["access", "pages", "schema"],
    ["http"],
  ],
  sqlite: [["."], ["threads"], ["reader"], ["writer"], ["schema"], ["messages"]],
  testing: [["."], ["fake"]],
  tools: [["."], ["host", "registered"], ["tool_info.ts", "tool_name.ts"]],
};

/** The parts that are files directly in src. */
const SINGLE_FILES: Readonly<Record<string, string>> = {
  "src/snakeden.ts": "snakeden",
  "src/errors.ts": "errors",
  "src/log.ts": "log",
  "src/log_format.ts": "log",
  "src/log_writer.ts": "log",
  "src/caller_stack.ts": "errors",
  "src/database_file.ts": "errors",
  "src/environment_names.ts": "errors",
  "src/granted.ts": "errors",
  "src/near_names.ts": "errors",
  "src/typed_error.ts": "errors",
  "src/curable.ts": "errors",
  "src/session_id.ts": "errors",
};

interface Edge {
  readonly from: string;
  readonly to: string;
}

/** The modules that programs load. They are above all parts. */
const ENTRIES: readonly string[] = ["main.ts", "mod.ts", "src/scripting/whole.ts"];

/** Returns the part that a file belongs to; null if it is not in src. */
function partOf(path: string): string | null {
  if (ENTRIES.includes(path)) return "main";
  const [top, folder, file] = path.split("/");
  if (top !== "src" || folder === undefined) return null;
  if (file !== undefined) return folder;
  return SINGLE_FILES[path] ?? folder;
}

function levelOf(part: string): number {
  return LEVELS.findIndex((parts) => parts.includes(part));
}

function directionProblems(edges: readonly Edge[]): string[] {
  return edges.flatMap(({ from, to }) => {
    const [importer, imported] = [partOf(from), partOf(to)];
    if (importer === null || imported === null || importer === imported) return [];
    if (levelOf(importer) < 0) return [`${from}: the part ${importer} is not in the list`];
    if (levelOf(importer) < levelOf(imported)) return [];
    return [`${from} imports ${to}: ${importer} must not know ${imported}`];
  });
}

/** Returns the floor of a file in its part; "mod.ts" for the mod.ts of the part. */
function floorOf(path: string, floors: readonly (readonly string[])[]): string {
  const [first = "", ...below] = path.split("/").slice(2);
  if (below.length > 0 || first === "mod.ts") return first;
  return floors.some((it) => it.includes(first)) ? first : ".";
}

function floorProblems(edges: readonly Edge[]): string[] {
  return edges.flatMap(({ from, to }) => {
    const part = partOf(from);
    const floors = SUBLEVELS[part ?? ""];
    if (floors === undefined || part !== partOf(to)) return [];
    const [importer, imported] = [floorOf(from, floors), floorOf(to, floors)];
    if (importer === imported || importer === "mod.ts") return [];
    const height = (floor: string): number => floors.findIndex((it) => it.includes(floor));
    if (height(importer) < 0) return [`${from}: ${part} has no floor ${importer} in the list`];
    if (height(importer) < height(imported)) return [];
    return [`${from} imports ${to}: ${part}/${importer} must not know ${part}/${imported}`];
  });
}

/** Returns the folders above a file in src, outermost first. */
function foldersAbove(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/")).slice(1);
}

/**
 * Files that the threads of json_worker.ts and of src/sqlite load. They may import single files of
 * other folders, since a mod.ts would load its whole folder at the start of the thread.
 */
const THREAD_FILES: readonly string[] = [
  "src/routes/calls/json_worker.ts",
  "src/routes/calls/call_body.ts",
  "src/routes/calls/bodies/submission_body.ts",
  "src/routes/calls/bodies/values_body.ts",
  "src/calls/call_fields.ts",
  "src/sqlite/schema/open_database.ts",
  ...["logs", "search", "sources", "wait_reason"].map((it) => `src/sqlite/reader/${it}.ts`),
  ...["claim", "finish", "log", "ranks", "sweep", "words"].map((it) =>
    `src/sqlite/writer/${it}.ts`
  ),
  "src/sqlite/writer/files/change_files.ts",
  "src/sqlite/writer/keys/fair_shares.ts",
  "src/sqlite/writer/keys/limit_keys.ts",
];

function modProblems(edges: readonly Edge[]): string[] {
  return edges.flatMap(({ from, to }) => {
    if (!to.startsWith("src/") || to.includes("/gen/") || THREAD_FILES.includes(from)) return [];
    const entered = foldersAbove(to).find((it) => !from.startsWith(`${it}/`));
    if (entered === undefined || to === `${entered}/mod.ts`) return [];
    return [`${from} imports ${to}: only ${entered}/mod.ts is for files outside`];
  });
}

/**
 * Returns the first import circle, as a list of files. An import of types counts too, since a
 * reader must follow it.
 */
function findCycle(edges: readonly Edge[]): string[] | null {
  const targets = Map.groupBy(edges, (it) => it.from);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const { to } of targets.get(file) ?? []) {
      const cycle = visit(to, [...path, file]);
      if (cycle !== null) return cycle;
    }
    done.add(file);
    return null;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** Returns the imports between our own files that `deno info` finds from `entry`. */
async function importsOf(entry: string): Promise<Edge[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const info: { modules: readonly ModuleInfo[] } = JSON.parse(new TextDecoder().decode(stdout));
  return info.modules.flatMap(({ specifier, dependencies = [] }) =>
    dependencies.flatMap(({ code, type }) => {
      const from = ours(specifier);
      const to = ours(code?.specifier ?? type?.specifier ?? "");
      return from === null || to === null ? [] : [{ from, to }];
    })
  );
}

function ours(specifier: string): string | null {
  const root = pathToFileURL(ROOT).href;
  return specifier.startsWith(root) ? specifier.slice(root.length) : null;
}

/** Returns the paths of the files below `folder` that are not generated. */
function filesIn(folder: string): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory && entry.name !== "gen") found.push(...filesIn(path));
    if (entry.isFile) found.push(path);
  }
  return found.sort();
}

function typescriptIn(...folders: string[]): string[] {
  return folders.flatMap(filesIn).filter((it) => it.endsWith(".ts"));
}

function textOf(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}

function tooLong(paths: readonly string[], limit: number): string[] {
  return paths.flatMap((path) => {
    const lines = textOf(path).split("\n").length - 1;
    return lines > limit ? [`${path} has ${lines} lines`] : [];
  });
}

/** Returns the folders that have too many files. */
function crowded(paths: readonly string[]): string[] {
  const folders = Map.groupBy(paths, (it) => it.slice(0, it.lastIndexOf("/")));
  return [...folders].flatMap(([folder, { length }]) => {
    if (length <= MAX_FILES_A_FOLDER || CATALOGUES.includes(folder)) return [];
    return [`${folder} holds ${length} files`];
  });
}

/** Returns the names of Deno KV in a text. Only src/kv may use them. */
function kvNames(text: string): string[] {
  return text.match(/\bDeno\.(?:openKv|AtomicOperation|Kv\w*)\b/g) ?? [];
}

const READ = [
  ...ENTRIES,
  "src/cli/main.ts",
  ...["cli", "client", "spawn", "testing"].map((it) => `src/${it}/mod.ts`),
];
const edges = (await Promise.all(READ.map(importsOf))).flat();

Deno.test("architecture: the imports of main.ts and mod.ts were read", () => {
  assert.ok(edges.some(({ from, to }) => from === "main.ts" && to === "src/server/mod.ts"));
  assert.ok(edges.length > 50, `only ${edges.length} imports`);
});

Deno.test("architecture: imports run one way", () => {
  assert.deepEqual([...new Set(directionProblems(edges))], []);
});

Deno.test("architecture: the command line knows nothing of the host", () => {
  const known = ["async", "cli", "client"];
  // The names of variables are in one file, which imports nothing.
  const names = "src/environment_names.ts";
  const others = edges.filter(({ from, to }) =>
    partOf(from) === "cli" && to !== names && !known.includes(partOf(to) ?? "")
  );
  assert.deepEqual(others, []);
});

Deno.test("architecture: imports inside a part run down its levels", () => {
  assert.deepEqual([...new Set(floorProblems(edges))], []);
});

Deno.test("architecture: other folders are entered through mod.ts only", () => {
  assert.deepEqual([...new Set(modProblems(edges))], []);
});

Deno.test("architecture: no file imports itself in a circle", () => {
  assert.equal(findCycle(edges)?.join(" -> ") ?? null, null);
});

Deno.test("architecture: src/errors.ts imports nothing", () => {
  assert.deepEqual(edges.filter(({ from }) => from === "src/errors.ts"), []);
});

Deno.test("architecture: every file of src can be reached from main.ts or mod.ts", () => {
  const reached = new Set(edges.flatMap(({ from, to }) => [from, to]));
  assert.deepEqual(typescriptIn("src").filter((it) => !reached.has(it)), []);
});

Deno.test("architecture: each folder of src has a mod.ts that opens with what it is for", () => {
  const folders = new Set(typescriptIn("src").flatMap(foldersAbove));
  for (const folder of folders) {
    const text = textOf(join(folder, "mod.ts"));
    assert.match(text, /^\/\*\*[^]{60,}?\*\//, `${folder}/mod.ts`);
  }
});

Deno.test("architecture: files are short", () => {
  assert.deepEqual(tooLong(["main.ts", "mod.ts", ...typescriptIn("src")], MAX_SOURCE_LINES), []);
  const others = typescriptIn("tests", "scripts", "bench", "examples");
  assert.deepEqual(tooLong(others, MAX_TEST_LINES), []);
});

Deno.test("architecture: folders hold about 15 files", () => {
  const fixtures = filesIn("tests/fixtures").filter((it) => /\.(?:ts|py)$/.test(it));
  assert.deepEqual(crowded([...typescriptIn("src"), ...fixtures]), []);
});

Deno.test("architecture: only src/kv names Deno KV", () => {
  const named = typescriptIn("src").filter((it) => kvNames(textOf(it)).length > 0);
  assert.ok(named.length > 0, "nothing was found at all");
  assert.deepEqual(named.filter((it) => !it.startsWith("src/kv/")), []);
});

Deno.test("architecture: files are named in snake_case for what they hold", () => {
  const bad = typescriptIn("src", "tests", "scripts", "bench", "examples").filter((path) => {
    const name = relative(join(path, ".."), path);
    const isVague = /^(utils?|common|helpers?|types|manager|misc|shared)\.ts$/.test(name);
    return isVague || !/^[a-z0-9]+(_[a-z0-9]+)*(\.config)?\.ts$/.test(name);
  });
  assert.deepEqual(bad, []);
});

Deno.test("architecture: nothing is exported as default, and no registry but npm is used", () => {
  const registry = ["js", "r:"].join("");
  const code = [
    "main.ts",
    "mod.ts",
    ...typescriptIn("src", "tests", "scripts", "bench", "examples"),
  ];
  const imports = new RegExp(`["'\`]${registry}`);
  assert.deepEqual(
    [...code, "deno.json", "deno.lock"].filter((it) => imports.test(textOf(it))),
    [],
  );
  assert.deepEqual(
    typescriptIn("src").filter((it) => /^export default /m.test(textOf(it))),
    [],
  );
});

Deno.test("architecture: the rules refuse what they should", () => {
  const edge = (from: string, to: string): Edge => ({ from, to });
  const bad = [
    edge("src/pool/pool.ts", "src/tools/mod.ts"),
    edge("src/python_env/mod.ts", "src/kv/mod.ts"),
    edge("src/errors.ts", "src/log.ts"),
    edge("src/bridge/link.ts", "src/snakeden.ts"),
    edge("src/nonsense/mod.ts", "src/errors.ts"),
  ];
  assert.equal(directionProblems(bad).length, bad.length);
  assert.deepEqual(directionProblems([edge("src/pool/pool.ts", "src/errors.ts")]), []);
  assert.equal(modProblems([edge("src/pool/pool.ts", "src/bridge/link.ts")]).length, 1);
  assert.deepEqual(modProblems([edge("src/pool/pool.ts", "src/pool/pool_stats.ts")]), []);
  assert.equal(modProblems([edge("src/pool/pool.ts", "src/pool/calls/call.ts")]).length, 1);
  assert.deepEqual(modProblems([edge("src/pool/calls/call.ts", "src/pool/pool_stats.ts")]), []);
  const upstairs = [
    edge("src/pool/calls/call.ts", "src/pool/crashes/mod.ts"),
    edge("src/pool/workers/worker.ts", "src/pool/supervision/mod.ts"),
    edge("src/pool/crashes/crash_policy.ts", "src/pool/pool_stats.ts"),
    edge("src/pool/calls/call.ts", "src/pool/mod.ts"),
    edge("src/pool/nonsense/a.ts", "src/pool/calls/mod.ts"),
    edge("src/bridge/carriers/socket/socket_listener.ts", "src/bridge/reception.ts"),
    edge("src/bridge/shared_memory/slab.ts", "src/bridge/link.ts"),
    edge("src/bridge/shared_memory/slab.ts", "src/bridge/carriers/mod.ts"),
    edge("src/bridge/values/values.ts", "src/bridge/shared_memory/mod.ts"),
    edge("src/routes/http/problem.ts", "src/routes/access/mod.ts"),
    edge("src/routes/calls/execute.ts", "src/routes/openapi/mod.ts"),
    edge("src/calls/policies/circuit.ts", "src/calls/call_options.ts"),
  ];
  assert.equal(floorProblems(upstairs).length, upstairs.length);
  assert.deepEqual(
    floorProblems([
      edge("src/pool/pool.ts", "src/pool/calls/mod.ts"),
      edge("src/pool/mod.ts", "src/pool/pool.ts"),
      edge("src/pool/workers/worker.ts", "src/pool/workers/launchers/mod.ts"),
      edge("src/bridge/reception.ts", "src/bridge/carriers/mod.ts"),
      edge("src/pool/calls/call.ts", "src/bridge/mod.ts"),
    ]),
    [],
  );
  const files = (folder: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${folder}/file_${i}.ts`);
  assert.deepEqual(crowded(files("src/pool", 17)), ["src/pool holds 17 files"]);
  assert.deepEqual(crowded([...files("src/pool", 16), ...files("src/pool/calls", 16)]), []);
  assert.deepEqual(crowded(files("tests/fixtures/adapters", 40)), []);
  const kv =
    "await Deno.openKv(); const a: Deno.Kv; type B = Deno.KvKey; c as Deno.AtomicOperation";
  assert.equal(kvNames(kv).length, 4);
  assert.deepEqual(kvNames("Deno.KeepAlive; kv.Kv"), []);
  const circle = [edge("a.ts", "b.ts"), edge("b.ts", "c.ts"), edge("c.ts", "b.ts")];
  assert.deepEqual(findCycle(circle), ["b.ts", "c.ts", "b.ts"]);
  const ofTypes = [edge("a.ts", "b.ts"), edge("b.ts", "a.ts")];
  assert.deepEqual(findCycle(ofTypes), ["a.ts", "b.ts", "a.ts"]);
});

/** Returns the depth of a file in src, by its part and its floor in that part. */
function depthOf(path: string): number {
  const part = partOf(path) ?? "";
  const floors = SUBLEVELS[part] ?? [];
  return levelOf(part) * 100 + floors.findIndex((it) => it.includes(floorOf(path, floors)));
}

/** Returns the files that each walk of docs/architecture.md names, in order, by its heading. */
function walks(page: string): Map<string, string[]> {
  const sections = page.split(/^## /m).slice(1).map((it) =>
    [it.split("\n", 1)[0] ?? "", it] as const
  );
  return new Map(
    sections.map(([heading, text]) => [
      heading,
      [...text.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, path]) => path ?? ""),
    ]),
  );
}

Deno.test("architecture: the walks of docs/architecture.md name each file once, and keep to one direction", () => {
  const found = walks(textOf("docs/architecture.md"));
  for (
    const [heading, sign] of [
      ["A call goes down", 1],
      ["The answer comes up", -1],
      ["A crash comes up", -1],
      ["The verdicts go down", 1],
      ["A chunk comes up", -1],
      ["A job is submitted", 1],
    ] as const
  ) {
    const files = found.get(heading) ?? [];
    assert.ok(files.length >= 3, `no walk "${heading}"`);
    assert.equal(new Set(files).size, files.length, `"${heading}" names a file twice`);
    for (const path of files) assert.ok(Deno.statSync(join(ROOT, path)).isFile);
    const ours = files.filter((it) => it.startsWith("src/"));
    const sorted = ours.toSorted((a, b) => sign * (depthOf(a) - depthOf(b)));
    assert.deepEqual(ours, sorted, `"${heading}" turns round`);
  }
});
