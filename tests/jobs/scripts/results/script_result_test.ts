/** Results of programs with bytes and arrays in them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { readFrame } from "../../../../src/bridge/mod.ts";
import { readResult } from "../../../../src/jobs/scripts/results/script_result.ts";
import { tempDir } from "../../../fixtures/host.ts";

const BYTES = '{"$snakeden":"bytes","base64":"AAEC"}';
const FLOATS = '{"$snakeden":"array","dtype":"<f8","shape":[1],"base64":"AAAAAAAA4D8="}';

async function resultOf(json: string): Promise<unknown> {
  await using dir = await tempDir();
  const file = join(dir.path, "result.json");
  await Deno.writeTextFile(file, json);
  const options = { file, printed: undefined, maxBytes: 1 << 26, maxDepth: 8, name: "it" };
  return readFrame(await readResult(options)).decode();
}

Deno.test("readResult() makes bytes and arrays of tags, wherever they stand", async () => {
  const bytes = new Uint8Array([0, 1, 2]);
  const floats = new Float64Array([0.5]);
  const cases: [string, unknown][] = [
    [BYTES, bytes],
    [` [ 1 , ${BYTES} ] `, [1, bytes]],
    [`{"a":${BYTES},"b":[${FLOATS},{"c":${BYTES}}],"ü\\n":"]}"}`, {
      a: bytes,
      b: [floats, { c: bytes }],
      "ü\n": "]}",
    }],
    [`[{"$snakeden":"float","value":"NaN"},{"$snakeden":"int","value":"12345678901234567890"}]`, [
      NaN,
      12345678901234567890n,
    ]],
    // A field of the name of a tag, with a tag inside.
    [`{"x":{"$snakeden":"object","value":{"$snakeden":1,"y":[${BYTES}]}},"z":${FLOATS}}`, {
      x: { $snakeden: 1, y: [bytes] },
      z: floats,
    }],
    // The key is written by an escape, and the text is no key.
    [`[${BYTES.replace("$", "\\u0024")},"\\"$snakeden\\"","$snakeden"]`, [
      bytes,
      '"$snakeden"',
      "$snakeden",
    ]],
    [`["\\"$snakeden\\":"]`, ['"$snakeden":']],
  ];
  for (const [json, value] of cases) assert.deepEqual(await resultOf(json), value, json);
});

Deno.test("readResult() refuses tags that cannot be read, and too many or too deep values", async () => {
  const deep = `${"[".repeat(9)}${BYTES}${"]".repeat(9)}`;
  const cases: [string, RegExp][] = [
    ['{"$snakeden":"bytes"}', /Cannot keep the result of it: .*result at byte 0: its base64/],
    ['[{"$snakeden":"nothing"}]', /result at byte 1: the tag "nothing" is unknown/],
    ['{"$snakeden":"bytes","base64":"AAEC","buffer":0}', /buffer/],
    [`[${BYTES}`, /it ends too early/],
    [deep, /nested deeper than 8 levels/],
    [`[${BYTES},${Array(50_000).fill(1)}]`, /more than 50000 values, with bytes or arrays/],
  ];
  for (const [json, message] of cases) {
    await assert.rejects(resultOf(json), { code: "script_failed", message }, json.slice(0, 60));
  }
});

Deno.test("readResult() takes many turns of the event loop for many tags", async () => {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  const reading = resultOf(`[${Array(16_000).fill(BYTES)}]`);
  setImmediate(count);
  const values = await reading as unknown[];
  isOver = true;
  assert.equal(values.length, 16_000);
  // 240 tags a turn.
  assert.ok(turns > 60, `${turns} turns`);
});
