import assert from "node:assert/strict";
import { TextLineStream } from "../../src/process/text_line_stream.ts";

Deno.test("TextLineStream splits at line ends wherever the chunks end", async () => {
  const chunks = ["a", "b\r", "\nc\n\nd", "e"];
  const lines = await Array.fromAsync(
    ReadableStream.from(chunks).pipeThrough(new TextLineStream()),
  );
  assert.deepEqual(lines, ["ab", "c", "", "de"]);
});
