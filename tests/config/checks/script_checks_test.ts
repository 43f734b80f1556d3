import assert from "node:assert/strict";
import { type ConfigInput, parseConfig } from "../../../src/config/mod.ts";
import { InvalidInputError } from "../../../src/errors.ts";

type JobsInput = NonNullable<ConfigInput["jobs"]>;

/** Returns the problems of a section `jobs`, one a line. */
function problemsOf(jobs: JobsInput): string[] {
  try {
    parseConfig({ jobs });
    return [];
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    return error.issues.map(({ path, message }) => `${path}: ${message}`);
  }
}

Deno.test("parseConfig() refuses a folder of scripts that is named twice", () => {
  const permissions = { net: ["a.example"] };
  assert.deepEqual(
    problemsOf({ scriptFolders: ["/srv/a", "/srv/b", "/srv/a/", { path: "/srv/b", permissions }] }),
    [
      'jobs.scriptFolders[2]: given "/srv/a/", which is jobs.scriptFolders[0] too; allowed: each ' +
      "folder once",
      'jobs.scriptFolders[3].path: given "/srv/b", which is jobs.scriptFolders[1] too; allowed: ' +
      "each folder once",
    ],
  );
  assert.deepEqual(
    problemsOf({ scriptFolders: ["/srv/a", { path: "/srv/a/b", permissions }] }),
    [],
  );
});

Deno.test("parseConfig() refuses a command whose program is an argument", () => {
  const [problem = "", ...others] = problemsOf({
    commands: {
      shell: { command: ["/bin/{name}", "-c"] },
      brace: { command: ["/bin/{{name}", "{name}"] },
      plain: { command: ["convert", "{input}"] },
    },
  });
  assert.match(
    problem,
    /^jobs\.commands\.shell\.command\[0\]: given "\/bin\/\{name\}"; allowed: a /,
  );
  assert.deepEqual(others, []);
});

Deno.test("parseConfig() says which names are allowed", () => {
  assert.deepEqual(problemsOf({ commands: { "a b": { command: ["x"] } } }), [
    'jobs.commands.a b: given the name "a b"; allowed: 1 to 64 letters, digits or . _ -, and a ' +
    "letter or digit first",
  ]);
  assert.throws(
    () => parseConfig({ pools: [{ name: "a", env: { "A=B": "secret" } }] }),
    /pools\[0\]\.env\.A=B: given the name "A=B"; allowed: a name without = and NUL$/,
  );
});
