/**
 * Tests that values which both languages need are equal. Each has one home in TypeScript and one in
 * Python.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PROTOCOL_VERSION } from "../src/bridge/mod.ts";
import { MAX_OPEN_ASK_BYTES, MAX_OPEN_ASKS } from "../src/bridge/open_asks.ts";
import { EXIT_STATUS } from "../src/pool/crashes/exit_status.ts";
import { CLIENT_ENV, HOST_ENV, SCRIPT_ENV, WORKER_ENV } from "../src/environment_names.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PYTHON = join(ROOT, "python/src/snakeden");

/** Returns the text of the only file of the Python package with this name, in any folder. */
function twin(name: string): string {
  const texts = filesIn(PYTHON).filter((it) => it.endsWith(`/${name}`)).map((it) =>
    Deno.readTextFileSync(it)
  );
  assert.equal(texts.length, 1, name);
  return texts[0] ?? "";
}

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? filesIn(path) : [path];
  });
}

/** Returns the integers that a Python file declares as final, by name. */
function numbersIn(name: string): Record<string, number> {
  const lines = twin(name).matchAll(/^([A-Z_]+): Final = ([\d_]+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, key = "", number]) => [key, Number(number?.replaceAll("_", ""))]),
  );
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

Deno.test("EXIT_STATUS holds the names and the numbers of exit_status.py", () => {
  const statuses = Object.entries(numbersIn("exit_status.py"));
  assert.deepEqual(
    Object.fromEntries(statuses.map(([name, number]) => [camelCase(name), number])),
    EXIT_STATUS,
  );
});

Deno.test("PROTOCOL_VERSION equals that of wire.py", () => {
  assert.equal(numbersIn("wire.py").PROTOCOL_VERSION, PROTOCOL_VERSION);
});

Deno.test("MAX_OPEN_ASKS and MAX_OPEN_ASK_BYTES equal those of asking.py", () => {
  const numbers = numbersIn("asking.py");
  assert.equal(numbers.MAX_OPEN_ASKS, MAX_OPEN_ASKS);
  assert.equal(numbers.MAX_OPEN_ASK_BYTES, MAX_OPEN_ASK_BYTES);
});

Deno.test("environment_names.ts holds every variable of environment_names.py under the same name", () => {
  const lines = [...twin("environment_names.py").matchAll(/^([A-Z_]+): Final = "(\w+)"$/gm)];
  assert.ok(lines.length >= 5, `${lines.length} names`);
  const ours: Readonly<Record<string, string>> = {
    ...CLIENT_ENV,
    ...SCRIPT_ENV,
    apiKey: HOST_ENV.apiKey,
    ...WORKER_ENV,
  };
  for (const [, key = "", name] of lines) assert.equal(ours[camelCase(key)], name, key);
});
