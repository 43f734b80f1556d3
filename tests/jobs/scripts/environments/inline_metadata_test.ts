import assert from "node:assert/strict";
import { SnakedenError } from "../../../../src/errors.ts";
import {
  type MetadataReading,
  readInlineMetadata,
} from "../../../../src/jobs/scripts/environments/inline_metadata.ts";
import { metadataBlocks } from "../../../../src/jobs/scripts/environments/metadata_block.ts";

function read(...lines: string[]): MetadataReading {
  return readInlineMetadata(lines.join("\n"), "report.py");
}

/** Returns the message of the error for a block with these lines of TOML. */
function failure(...toml: string[]): string {
  try {
    read("# /// script", ...toml.map((it) => `# ${it}`), "# ///");
  } catch (error) {
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, "environment_failed");
    return error.message;
  }
  return assert.fail("it was accepted");
}

Deno.test("readInlineMetadata() reads the Python and the packages of a script", () => {
  const { metadata, warnings } = read(
    "#!/usr/bin/env python3",
    "# /// script",
    '# requires-python = ">=3.11"',
    "# dependencies = [",
    '#   "requests<3",',
    "#",
    "#   \"rich [jupyter] >= 13 ; sys_platform == 'linux'\", # a comment",
    '#   "tool @ https://example.com/tool-1.0-py3-none-any.whl",',
    "# ]",
    "#",
    "# [tool.uv]",
    '# exclude-newer = "2023-10-16T00:00:00Z"',
    "# ///",
    "import requests",
  );
  assert.deepEqual(metadata, {
    requiresPython: ">=3.11",
    dependencies: [
      "requests<3",
      "rich [jupyter] >= 13 ; sys_platform == 'linux'",
      "tool @ https://example.com/tool-1.0-py3-none-any.whl",
    ],
  });
  assert.deepEqual(warnings, []);
});

Deno.test("readInlineMetadata() finds no metadata where the standard sees none", () => {
  for (
    const text of [
      "print(1)",
      "# /// pyproject\n# a = 1\n# ///",
      " # /// script\n # ///",
      "#/// script\n# a = 1\n# ///",
      "# /// script \n# a = 1\n# ///",
      "# /// script\n# ///",
    ]
  ) {
    assert.equal(readInlineMetadata(text, "a.py").metadata, undefined, text);
  }
});

Deno.test("readInlineMetadata() ignores a block without an end, and says so", () => {
  const { metadata, warnings } = read("import a", "# /// script", '# dependencies = ["x"]', "a()");
  assert.equal(metadata, undefined);
  assert.deepEqual(warnings, [
    "report.py:2: ignoring `# /// script`, since no line `# ///` ends it",
  ]);
});

Deno.test("readInlineMetadata() refuses two blocks, and names their lines", () => {
  const block = ["# /// script", "# dependencies = []", "# ///"];
  assert.throws(() => read(...block, "", ...block), {
    code: "environment_failed",
    message: "Cannot prepare the environment of report.py: it has 2 blocks `# /// script`, in " +
      "lines 1, 5; only one is allowed",
  });
});

Deno.test("readInlineMetadata() names the line of what is not TOML", () => {
  assert.match(
    failure("dependencies = ["),
    /in line 1: it is not TOML: .+ \(line \d, column \d+\)/,
  );
  assert.match(failure('a = "b"', "a b"), /\(line 3, column \d+\)/);
});

Deno.test("readInlineMetadata() refuses fields that do not exist or have a wrong value", () => {
  assert.match(
    failure('dependancies = ["a"]'),
    /the field dependancies does not exist; allowed: requires-python, dependencies, tool; did you mean dependencies\?/,
  );
  assert.match(failure("tool = 1"), /tool: given 1; a table is allowed/);
  assert.match(failure("requires-python = 3.11"), /requires-python: given 3.11; a specifier/);
  assert.match(failure('requires-python = "three"'), /requires-python: given "three"/);
  assert.match(failure('dependencies = "numpy"'), /dependencies: given "numpy"; a list/);
  assert.match(
    failure('dependencies = ["numpy", 3]'),
    /dependencies\[1\]: given 3; a package is allowed, such as "numpy>=2"/,
  );
});

Deno.test("readInlineMetadata() refuses what an installer would take for an option or a path", () => {
  for (
    const text of ["-r other.txt", "--index-url=http://a", "./local", "/tmp/a", "", "a b", "a\\nb"]
  ) {
    assert.match(failure(`dependencies = ["${text}"]`), /dependencies\[0\]: given /, text);
  }
  assert.match(failure(`dependencies = ["a${"1".repeat(2_000)}"]`), /dependencies\[0\]: given /);
});

Deno.test("readInlineMetadata() reads files with other line ends and a byte order mark", () => {
  const text = "\ufeff# /// script\r\n# dependencies = ['a']\r\n# ///\r\n";
  assert.deepEqual(readInlineMetadata(text, "a.py").metadata?.dependencies, ["a"]);
});

const REFERENCE = `
import json, re, sys
PATTERN = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\\s(?P<content>(^#(| .*)$\\s)+)^# ///$"
found = []
for text in json.load(sys.stdin):
    found.append([
        "".join(
            line[2:] if line.startswith("# ") else line[1:]
            for line in it.group("content").splitlines(keepends=True)
        )
        for it in re.finditer(PATTERN, text) if it.group("type") == "script"
    ])
print(json.dumps(found))
`;

Deno.test("metadataBlocks() finds the same blocks as the expression in the standard", async () => {
  const lines = ["# /// script", "# /// other", "# ///", "#", "# a = 1", "b = 2", "", "#c", "# "];
  let seed = 1;
  const next = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const texts = Array.from(
    { length: 5_000 },
    () => Array.from({ length: next(12) }, () => lines[next(lines.length)]).join("\n"),
  );
  const child = new Deno.Command("python3", {
    args: ["-c", REFERENCE],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(texts)));
  await writer.close();
  const expected: string[][] = JSON.parse(new TextDecoder().decode((await child.output()).stdout));
  assert.ok(expected.filter((it) => it.length > 0).length > 100);
  for (const [i, text] of texts.entries()) {
    const found = metadataBlocks(text, "script").closed.map((it) => `${it.content}\n`);
    assert.deepEqual(found, expected[i], JSON.stringify(text));
  }
});

Deno.test("metadataBlocks() takes linear time for a script that is nothing but beginnings", () => {
  const { closed, unclosed } = metadataBlocks("# /// script\n".repeat(300_000), "script");
  assert.deepEqual([closed.length, unclosed.length], [0, 300_000]);
});
