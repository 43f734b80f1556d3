/**
 * `deno task gen` writes everything that is generated: the codecs of both sides from proto/ (typed
 * and static for TypeScript, with stubs for Python), the tables of docs/configuration.md from the
 * schema of the configuration, the list of libraries in docs/workers.md, and the program of the
 * page at /docs. `deno task gen --check` fails if a committed file is stale. The packages that
 * generate are locked in scripts/generators, so that neither a server nor a test fetches them.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import { withConfigTables } from "./config_tables.ts";
import { devPython } from "./dev_python.ts";
import { withLibraryList } from "./doctor/library_table.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const GENERATORS = join(ROOT, "scripts/generators");
const PROTO_DIR = join(ROOT, "proto");
const PROTO_FILES = ["errors", "values", "link"].map((name) => `snakeden/v1/${name}.proto`);
const TYPESCRIPT_DIR = join(ROOT, "src/bridge/gen");
const PYTHON_DIR = join(ROOT, "python/src/snakeden/_link/gen");
const DOCS_PAGE_DIR = join(ROOT, "src/routes/openapi/gen");
/** Pages with tables that are made, each with what makes them. */
const PAGES: readonly (readonly [string, (page: string) => Promise<string>])[] = [
  [join(ROOT, "docs/configuration.md"), withConfigTables],
  [join(ROOT, "docs/workers.md"), withLibraryList],
];
const PBJS = "npm:protobufjs-cli@2.7.1/pbjs";

async function run(command: string, args: string[]): Promise<void> {
  const { success, code, stderr } = await new Deno.Command(command, { args, stdout: "null" })
    .output();
  if (!success) {
    throw new Error(
      `${command} ${args[0]} exited with ${code}: ${new TextDecoder().decode(stderr)}`,
    );
  }
}

/** Runs a program that takes its packages from the lock file of scripts/generators. */
async function runGenerator(program: string, args: string[]): Promise<void> {
  const config = `--config=${join(GENERATORS, "deno.json")}`;
  await run(Deno.execPath(), ["run", "-A", "--quiet", config, program, ...args]);
}

async function generateTypeScript(outDir: string): Promise<void> {
  const out = join(outDir, "link.js");
  // deno-fmt-ignore
  await runGenerator(PBJS, [
    "--target", "static-module", "--wrap", "esm", "--no-create", "--no-verify",
    "--no-delimited", "--no-service", "--no-convert", "--no-typeurl", "--no-comments",
    "--path", PROTO_DIR, "--out", out, "snakeden/v1/link.proto",
  ]);
  const code = await Deno.readTextFile(out);
  await Deno.writeTextFile(out, `// @ts-self-types="./link.d.ts"\n${code}`);
  await Deno.writeTextFile(join(outDir, "link.d.ts"), declarations(loadProto()));
}

function loadProto(): protobuf.Namespace {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(PROTO_DIR, target);
  root.loadSync(PROTO_FILES);
  return root.lookup("snakeden.v1") as protobuf.Namespace;
}

const SCALARS: Record<string, string> = {
  bool: "boolean",
  bytes: "Uint8Array",
  double: "number",
  string: "string",
  uint32: "number",
};

function fieldType(field: protobuf.Field, suffix: string): string {
  const base = SCALARS[field.type] ?? `${field.type}${suffix}`;
  return field.repeated ? `${base}[]` : base;
}

/**
 * Two interfaces a message: what decode returns (a scalar that was not sent has its default, a
 * message that was not sent is null or missing) and what encode takes (everything optional).
 * Written here because pbts runs only on Node.
 */
function declarations(namespace: protobuf.Namespace): string {
  const messages = namespace.nestedArray.filter((it) => it instanceof protobuf.Type);
  const lines = [
    "// Generated from proto/ by `deno task gen`; do not edit.",
    'import type { Reader, Writer } from "protobufjs/minimal.js";',
    "",
    "export interface Codec<Message, Init> {",
    "  encode(message: Init, writer?: Writer): Writer;",
    "  decode(reader: Reader | Uint8Array, length?: number): Message;",
    "}",
    "",
  ];
  for (const message of messages) {
    lines.push(`export interface ${message.name} {`);
    for (const oneof of message.oneofsArray) {
      lines.push(`  ${oneof.name}?: ${oneof.fieldsArray.map((it) => `"${it.name}"`).join(" | ")};`);
    }
    for (const field of message.fieldsArray) {
      const isMessage = !(field.type in SCALARS) && !field.repeated;
      lines.push(
        `  ${field.name}${isMessage ? "?" : ""}: ${fieldType(field, "")}${
          isMessage ? " | null" : ""
        };`,
      );
    }
    lines.push("}", `export interface ${message.name}Init {`);
    for (const field of message.fieldsArray) {
      lines.push(`  ${field.name}?: ${fieldType(field, "Init")} | null;`);
    }
    lines.push("}", "");
  }
  lines.push("export declare const snakeden: {", "  v1: {");
  for (const { name } of messages) lines.push(`    ${name}: Codec<${name}, ${name}Init>;`);
  lines.push("  };", "};", "");
  return lines.join("\n");
}

async function generatePython(outDir: string): Promise<void> {
  // deno-fmt-ignore
  await run(await devPython(), [
    "-m", "grpc_tools.protoc", "-I", PROTO_DIR, "--python_out", outDir, "--pyi_out", outDir, ...PROTO_FILES,
  ]);
  const nested = join(outDir, "snakeden/v1");
  for (const entry of Deno.readDirSync(nested)) {
    const code = await Deno.readTextFile(join(nested, entry.name));
    const moved = code.replaceAll("from snakeden.v1 import", "from snakeden._link.gen import");
    await Deno.writeTextFile(join(outDir, entry.name), moved);
  }
  await Deno.remove(join(outDir, "snakeden"), { recursive: true });
  await Deno.writeTextFile(
    join(outDir, "__init__.py"),
    '"""Generated from proto/ by `deno task gen`; do not edit."""\n',
  );
}

async function generateDocsPage(outDir: string): Promise<void> {
  await runGenerator(join(GENERATORS, "scalar_bundle.ts"), [outDir]);
}

/** Returns the text of a file, or null if it cannot be read. Compressed files are unpacked. */
async function textOf(path: string): Promise<string | null> {
  try {
    const { readable } = await Deno.open(path);
    return await new Response(
      path.endsWith(".gz") ? readable.pipeThrough(new DecompressionStream("gzip")) : readable,
    ).text();
  } catch {
    return null;
  }
}

/** Returns the files that differ between a fresh run and the committed folder. */
async function staleFiles(freshDir: string, committedDir: string): Promise<string[]> {
  const names = new Set<string>();
  for (const dir of [freshDir, committedDir]) {
    for (const entry of Deno.readDirSync(dir)) if (entry.isFile) names.add(entry.name);
  }
  const stale: string[] = [];
  for (const name of [...names].sort()) {
    const [fresh, committed] = await Promise.all(
      [freshDir, committedDir].map((dir) => textOf(join(dir, name))),
    );
    if (fresh !== committed) stale.push(join(committedDir, name));
  }
  return stale;
}

async function generateTables(): Promise<void> {
  for (const [path, withTables] of PAGES) {
    await Deno.writeTextFile(path, await withTables(await Deno.readTextFile(path)));
  }
}

/** Returns the pages whose tables differ from what they are made from. */
async function staleTables(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, withTables] of PAGES) {
    const page = await Deno.readTextFile(path);
    if (page !== await withTables(page)) stale.push(path);
  }
  return stale;
}

interface GeneratedFolder {
  readonly folder: string;
  generate(outDir: string): Promise<void>;
}

const FOLDERS: readonly GeneratedFolder[] = [
  { folder: TYPESCRIPT_DIR, generate: generateTypeScript },
  { folder: PYTHON_DIR, generate: generatePython },
  { folder: DOCS_PAGE_DIR, generate: generateDocsPage },
];

async function check(): Promise<number> {
  const temp = await Deno.makeTempDir({ prefix: "snakeden-gen-" });
  try {
    const stale: string[] = [];
    for (const { folder, generate } of FOLDERS) {
      const fresh = await Deno.makeTempDir({ dir: temp });
      await generate(fresh);
      stale.push(...await staleFiles(fresh, folder));
    }
    stale.push(...await staleTables());
    for (const path of stale) console.error(`stale: ${path}; run \`deno task gen\``);
    return stale.length === 0 ? 0 : 1;
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
}

if (import.meta.main) {
  if (Deno.args.includes("--check")) Deno.exit(await check());
  for (const { folder, generate } of FOLDERS) {
    await Deno.mkdir(folder, { recursive: true });
    await generate(folder);
  }
  await generateTables();
}
