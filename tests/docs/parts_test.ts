import assert from "node:assert/strict";
import { fileNameOf, hiddenFilesOf, snippetsOf } from "./markdown.ts";
import { commandsOf } from "./shell_block.ts";
import { isShown } from "./shown_output.ts";

Deno.test("snippetsOf() returns language, text and place of each block", () => {
  const page =
    "# A\n\n```sh\nls\n```\n\n```text\nout\n\n```\n\n1. B\n\n   ```ts\n   a\n     b\n   ```\n";
  assert.deepEqual(snippetsOf(page), [
    { line: 3, language: "sh", text: "ls\n", followsSnippet: false },
    { line: 7, language: "text", text: "out\n\n", followsSnippet: true },
    { line: 14, language: "ts", text: "a\n  b\n", followsSnippet: false },
  ]);
});

Deno.test("snippetsOf() reads the comment in front of a block", () => {
  const [snippet] = snippetsOf("<!-- not run: it takes an hour -->\n\n```sh\nsleep 3600\n```\n");
  assert.deepEqual(snippet?.directive, { kind: "not run", value: "it takes an hour" });
  const [other] = snippetsOf("<!-- something else -->\n\n```sh\nls\n```\n");
  assert.equal(other?.directive, undefined);
});

Deno.test("fileNameOf() takes the name from the comment in front, or from the first line", () => {
  const nameOf = (page: string): string | undefined => snippetsOf(page).map(fileNameOf)[0];
  assert.equal(nameOf("<!-- file: a.json -->\n\n```json\n{}\n```\n"), "a.json");
  assert.equal(nameOf("```python\n# tools/words.py\nx = 1\n```\n"), "tools/words.py");
  assert.equal(nameOf("```ts\n// main.ts\n```\n"), "main.ts");
  assert.equal(nameOf("```python\n# words are counted in words.py\n```\n"), undefined);
});

Deno.test("hiddenFilesOf() returns the files that only the test sees", () => {
  const page =
    "# A\n\n<!-- file: a/b.json\n{\n\n}\n-->\n\n<!-- file: shown.py -->\n\n```python\n```\n";
  assert.deepEqual(hiddenFilesOf(page), [{ name: "a/b.json", text: "{\n\n}\n" }]);
});

Deno.test("commandsOf() returns commands over several lines, with the output in comments", () => {
  const block = 'curl a \\\n  -d \'{"x": # 1\n}\'\n# {"y":2}\n' +
    "curl b   # 204 when it is gone\ncurl 'c#d' # 202 {}\nls # prose\n";
  assert.deepEqual(commandsOf(block), [
    { command: "curl a    -d '{\"x\": # 1\n}'", output: '{"y":2}' },
    { command: "curl b", status: 204 },
    { command: "curl 'c#d'", status: 202, output: "{}" },
    { command: "ls" },
  ]);
});

Deno.test("isShown() compares text without white space, wildcards and what differs from run to run", () => {
  const actual = '{"result":5,"callId":"0a1b2c3d-17","workerId":"default-2","durationMs":1.25}\n';
  assert.ok(
    isShown('{ "result": 5, "callId": "…", "workerId": "default-1", "durationMs": 2 }', actual),
  );
  assert.ok(isShown('{"result":5,"callId":"ffffffff-1"…', actual));
  assert.ok(!isShown('{"result":6,"callId":"ffffffff-1"…', actual));
  assert.ok(!isShown('{"result":5}', actual));
  assert.ok(isShown("event: a … event: b", "event: a\ndata: 1\n\nevent: b\n"));
  assert.ok(!isShown('{"version":"0.1.0"}', '{"version":"0.2.0"}'));
});
