import assert from "node:assert/strict";
import { InvalidInputError } from "../../../src/errors.ts";
import { parseConfig } from "../../../src/config/mod.ts";

/** Returns what is said about an adapter; an empty text if it is accepted. */
function saidAbout(adapter: string | string[]): string {
  try {
    parseConfig({ pools: [{ name: "a", adapter }] });
    return "";
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.issues.map(({ path, message }) => `${path}: ${message}`).join("\n");
  }
}

for (
  const adapter of [
    "texts",
    "a.b",
    "a.b:C.D",
    "größe:Größe",
    "mytools.*",
    ["texts:Texts", "images", "numbers.*"],
  ]
) {
  Deno.test(`parseConfig() accepts the adapter ${JSON.stringify(adapter)}`, () => {
    assert.equal(saidAbout(adapter), "");
  });
}

for (const adapter of ["", ":", "a:", ":B", "a b", ".a", "a:b:c", "1a", ".*", "a.*:B", "*"]) {
  Deno.test(`parseConfig() refuses the adapter ${JSON.stringify(adapter)} without a hint`, () => {
    const given = `pools[0].adapter: given ${JSON.stringify(adapter)}; `;
    assert.equal(
      saidAbout(adapter),
      `${given}allowed: \`module\`, \`module:Class\` or \`package.*\``,
    );
  });
}

const HINTS: readonly (readonly [adapter: string, hint: string])[] = [
  ["sub/x", 'use dots: write "sub.x"'],
  ["./sub/x.py", 'use dots: write "sub.x"'],
  ["sub\\x.py:Class", 'use dots: write "sub.x:Class"'],
  ["./x.py", 'leave out .py: write "x"'],
  ["./x", 'write "x"'],
  ["x.py", 'leave out .py: write "x"'],
  ["x.py:X", 'leave out .py: write "x:X"'],
  ["/home/me/x.py", 'write "x", and put its folder, /home/me, in modulePaths'],
  ["../lib/x.py:X", 'write "x:X", and put its folder, ../lib, in modulePaths'],
  ["my-tools.py", 'Python cannot import a name with "-": rename the file, and write "my_tools"'],
];

for (const [adapter, hint] of HINTS) {
  Deno.test(`parseConfig() says how to write ${adapter} as the name of a module`, () => {
    const said = saidAbout(adapter);
    assert.ok(said.endsWith(`\`package.*\`; ${hint}`), said);
  });
}
