import assert from "node:assert/strict";
import type { Tool } from "../../../src/bridge/mod.ts";
import { type CodeEvent, PoolCode, type ToolsServed } from "../../../src/pool/mod.ts";

function toolOf(name: string, timeoutMs = 0): Tool {
  return {
    name,
    description: "",
    inputSchema: "{}",
    outputSchema: "",
    streams: false,
    idempotent: true,
    timeoutMs,
    mediaType: "",
    stallTimeoutMs: 0,
  };
}

interface Heard {
  readonly code: PoolCode;
  readonly events: CodeEvent[];
  readonly served: ToolsServed[];
}

function create(): Heard {
  const code = new PoolCode({ name: "p" });
  const heard: Heard = { code, events: [], served: [] };
  code.onEvent((event) => heard.events.push(event));
  code.onServed((served) => heard.served.push(served));
  return heard;
}

function ready({ code }: Heard, order: number, tools: Tool[], isNewest = true): void {
  code.ready({ id: `p-${order}`, order, tools }, { isNewest });
}

Deno.test("PoolCode.restore() offers tools with all that they declare, and confirms none", () => {
  const it = create();
  it.code.restore([toolOf("a", 7)]);
  assert.deepStrictEqual(it.code.tools, [toolOf("a", 7)]);
  assert.deepStrictEqual(
    [it.code.offers("a"), it.code.timeoutOf("a"), it.code.declaresIdempotent("a")],
    [true, 7, true],
  );
  assert.equal(it.code.isConfirmed, false);
  assert.deepStrictEqual([it.events, it.served], [[], []]);
});

Deno.test("PoolCode: the first worker confirms restored tools silently, and reports others", () => {
  const same = create();
  same.code.restore([toolOf("a")]);
  ready(same, 0, [toolOf("a")]);
  assert.deepStrictEqual([same.code.isConfirmed, same.events], [true, []]);
  assert.deepStrictEqual(same.served, [{ isKnown: true }]);
  const other = create();
  other.code.restore([toolOf("a")]);
  ready(other, 0, [toolOf("b")]);
  assert.deepStrictEqual(other.events, [
    { pool: "p", reloaded: false, tools: { added: ["b"], removed: ["a"], changed: [] } },
  ]);
  assert.deepStrictEqual(other.served, [{ isKnown: false }]);
  assert.deepStrictEqual(other.code.tools, [toolOf("b")]);
});

Deno.test("PoolCode.restore() does nothing once a worker was ready", () => {
  const it = create();
  ready(it, 0, [toolOf("a")]);
  it.code.restore([toolOf("b")]);
  assert.deepStrictEqual(it.code.tools, [toolOf("a")]);
  assert.deepStrictEqual(it.served, [{ isKnown: true }], "there was nothing to compare it with");
});

Deno.test("PoolCode.isConfirmed ends with a change, until a worker with the newest code is ready", () => {
  const it = create();
  let renewals = 0;
  it.code.onRenewed(() => renewals++);
  ready(it, 0, [toolOf("a")]);
  it.code.changed({ files: ["a.py"] });
  assert.deepStrictEqual([it.code.isConfirmed, renewals], [false, 1]);
  ready(it, 1, [toolOf("a")], false);
  assert.deepStrictEqual([it.code.isConfirmed, it.served.length], [false, 1]);
  ready(it, 2, [toolOf("a")]);
  assert.deepStrictEqual([it.code.isConfirmed, it.served.length], [true, 2]);
  it.code.renewed();
  assert.deepStrictEqual([it.code.isConfirmed, renewals], [false, 2]);
});
