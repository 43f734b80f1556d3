import fc from "fast-check";
import assert from "node:assert/strict";
import { type SseEvent, SseParser } from "../../../src/client/streams/mod.ts";

const encoder = new TextEncoder();

/** Parses a text that arrives in pieces, which end at these places of its bytes. */
function parsed(text: string, cuts: readonly number[] = []): SseEvent[] {
  const parser = new SseParser();
  const bytes = encoder.encode(text);
  const places = cuts.map((it) => it % (bytes.length + 1)).toSorted((a, b) => a - b);
  const ends = [...places, bytes.length];
  return ends.flatMap((end, i) => parser.push(bytes.subarray(ends[i - 1] ?? 0, end)));
}

const EOL = fc.constantFrom("\n", "\r\n", "\r");
const LINE = fc.string({ unit: "grapheme" }).map((it) => it.replace(/[\r\n\0]/g, ""));
const CUTS = fc.array(fc.nat(), { maxLength: 12 });

const EVENT = fc.record({
  event: fc.option(LINE.filter((it) => it !== ""), { nil: undefined }),
  id: fc.option(LINE, { nil: undefined }),
  data: fc.array(LINE, { minLength: 1, maxLength: 4 }),
  comment: fc.option(LINE, { nil: undefined }),
});

Deno.test("SseParser.push() reads what was written, however the bytes are cut and lines end", () => {
  fc.assert(fc.property(fc.array(EVENT), EOL, CUTS, fc.boolean(), (events, eol, cuts, space) => {
    const colon = space ? ": " : ":";
    // Without the space, a value that begins with one would lose it.
    const kept = (text: string): string => space ? text : text.replace(/^ +/, "");
    let id = "";
    const expected: SseEvent[] = [];
    const lines: string[] = [];
    for (const it of events) {
      if (it.comment !== undefined) lines.push(`:${it.comment}`);
      if (it.event !== undefined) lines.push(`event${colon}${kept(it.event)}`);
      if (it.id !== undefined) lines.push(`id${colon}${id = kept(it.id)}`);
      for (const data of it.data) lines.push(`data${colon}${kept(data)}`);
      lines.push("");
      const event = kept(it.event ?? "") || "message";
      expected.push({ event, data: it.data.map(kept).join("\n"), id });
    }
    assert.deepEqual(parsed(lines.map((it) => it + eol).join(""), cuts), expected);
  }));
});

Deno.test("SseParser.push() returns the same for every cut of any bytes", () => {
  const text = fc.string({
    unit: fc.constantFrom("\r", "\n", ":", " ", "data", "id", "event", "é", "🐍", "\0", "\ufeff"),
    maxLength: 60,
  });
  fc.assert(fc.property(text, CUTS, (it, cuts) => {
    assert.deepEqual(parsed(it, cuts), parsed(it));
  }));
});

Deno.test("SseParser.push() keeps the standard's rules for single fields", () => {
  const event = (data: string, more: Partial<SseEvent> = {}): SseEvent => ({
    event: "message",
    data,
    id: "",
    ...more,
  });
  for (
    const [text, expected] of [
      ["data: a\n\n", [event("a")]],
      ["data:a\n\n", [event("a")]],
      ["data:  a\n\n", [event(" a")]],
      ["data\n\n", [event("")]],
      ["data: a\ndata: b\n\n", [event("a\nb")]],
      [": comment\n\n", []],
      ["event: x\n\ndata: a\n\n", [event("a")]],
      ["id: 7\n\ndata: a\n\n", [event("a", { id: "7" })]],
      ["id: 7\ndata: a\n\nid\ndata: b\n\n", [event("a", { id: "7" }), event("b")]],
      ["id: 7\ndata: a\n\nid: \0\ndata: b\n\n", [
        event("a", { id: "7" }),
        event("b", { id: "7" }),
      ]],
      ["retry: 5\nunknown: x\ndata: a\n\n", [event("a")]],
      ["\ufeffdata: a\n\n", [event("a")]],
      ["data: a", []],
      ["data: a\n", []],
      ["data: a\r\rdata: b\r\r", [event("a"), event("b")]],
    ] as const
  ) {
    assert.deepEqual(parsed(text), expected, JSON.stringify(text));
  }
});

Deno.test("SseParser.lastId has the id of a comment before the first event", () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push(encoder.encode(": following\nid: 12-3\n\n")), []);
  assert.equal(parser.lastId, "12-3");
});

Deno.test("SseParser.lastId does not move to an event that is not whole", () => {
  const parser = new SseParser();
  parser.push(encoder.encode("id: s:1\ndata: a\n\n"));
  const next = encoder.encode("id: s:2\nevent: chunk\ndata: b\n\n");
  for (const [at, byte] of next.entries()) {
    parser.push(Uint8Array.of(byte));
    assert.equal(parser.lastId, at < next.length - 1 ? "s:1" : "s:2", `after ${at + 1} bytes`);
  }
});
