import fc from "fast-check";
import assert from "node:assert/strict";
import {
  FrameWriter,
  HEADER_BYTES,
  type OutgoingMessage,
} from "../../../src/bridge/carriers/frame_writer.ts";
import { type HostMessage, snakeden, type Value } from "../../../src/bridge/gen/link.js";
import { TextValue } from "../../../src/bridge/values/text_value.ts";

const { HostFrame: hostFrame } = snakeden.v1;

/** Decodes a frame with the generated codec. Checks the length in its header. */
function read(bytes: Uint8Array): HostMessage[] {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  assert.equal(length, bytes.byteLength - HEADER_BYTES);
  return hostFrame.decode(bytes.slice(HEADER_BYTES)).messages;
}

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "grapheme-ascii", minLength: 100, maxLength: 300 }),
);
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const bytes = fc.uint8Array({ maxLength: 300 });
const plain = { noNullPrototype: true };
const shared = fc.record({ index: uint32, offset: uint32, length: uint32 }, plain);

const content = fc.record({
  text: text,
  tagged: fc.boolean(),
  buffers: fc.array(bytes, { maxLength: 3 }),
  shared: fc.array(shared, { maxLength: 3 }),
}, plain);

/** Returns all of a value that was read, as `content` makes it. */
function contentOf(value: Value | null | undefined): unknown {
  const { json, tagged, buffers, shared } = value ?? assert.fail("it has no value");
  return {
    text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(json),
    tagged,
    buffers: buffers.map((it) => new Uint8Array(it)),
    shared: shared.map(({ index, offset, length }) => ({ index, offset, length })),
  };
}

const call = fc.record({
  id: uint32,
  tool: text,
  args: content,
  timeoutMs: fc.oneof(fc.constant(0), fc.double({ min: 0, noNaN: true })),
  stream: fc.boolean(),
  windowBytes: uint32,
  sessionId: text,
  requestId: text,
  bulk: fc.boolean(),
  taggedItems: fc.array(uint32, { maxLength: 300 }),
  itemBuffers: fc.array(uint32, { maxLength: 3 }),
}, plain);

Deno.test("FrameWriter writes calls that the generated codec reads, whatever their fields", () => {
  const writer = new FrameWriter();
  fc.assert(fc.property(fc.array(call, { maxLength: 4 }), fc.boolean(), (calls, asText) => {
    const encoder = new TextEncoder();
    const messages: OutgoingMessage[] = calls.map(({ args, ...rest }) => ({
      call: {
        ...rest,
        args: asText
          ? new TextValue(args.text, args.tagged, args.buffers, args.shared)
          : { ...args, json: encoder.encode(args.text) },
      },
    }));
    const seen = read(writer.write(messages)).map(({ call }) => {
      // Compared field by field, since a field that is not written has its default from the
      // prototype.
      const written = call ?? assert.fail("it is no call");
      const { id, tool, args, timeoutMs, stream, windowBytes, sessionId, requestId } = written;
      const { bulk, taggedItems, itemBuffers } = written;
      return {
        id,
        tool,
        args: contentOf(args),
        timeoutMs,
        stream,
        windowBytes,
        sessionId,
        requestId,
        bulk,
        taggedItems,
        itemBuffers,
      };
    });
    // The items of a bulk call have these fields alone.
    const plainCall = { taggedItems: [], itemBuffers: [] };
    assert.deepEqual(seen, calls.map((it) => it.bulk ? it : { ...it, ...plainCall }));
  }));
});

Deno.test("FrameWriter writes answers that the generated codec reads", () => {
  const writer = new FrameWriter();
  const error = { code: "not_found", message: "no ü", details: "{}", retryable: true };
  fc.assert(fc.property(uint32, content, (id, { text, tagged, buffers, shared }) => {
    const value = new TextValue(text, tagged, buffers, shared);
    const messages = read(writer.write([{ answer: { id, value } }, { answer: { id, error } }]));
    const [good, bad] = messages.map(({ answer }) => answer);
    assert.deepEqual([good?.id, good?.error], [id, null]);
    assert.deepEqual(contentOf(good?.value), { text, tagged, buffers, shared });
    assert.deepEqual([bad?.id, { ...bad?.error }, bad?.value], [id, error, null]);
  }));
});

Deno.test("FrameWriter writes calls and other messages in their order", () => {
  const args = new TextValue("{}", false, []);
  const messages = read(
    new FrameWriter().write([
      { ping: { id: 7 } },
      { call: { id: 1, tool: "add", args } },
      { cancel: { id: 1 } },
      { stop: {} },
    ]),
  );
  assert.deepEqual(messages.map((it) => it.body), ["ping", "call", "cancel", "stop"]);
});

Deno.test("FrameWriter grows for a large frame and does not keep the memory", () => {
  const writer = new FrameWriter();
  const json = new Uint8Array(3 << 20).fill(0x31);
  const large = writer.write([{ call: { id: 1, args: { json } } }]);
  assert.equal(read(large)[0]?.call?.args?.json.byteLength, json.byteLength);
  const long = "ü".repeat(200_000);
  const [message] = read(
    writer.write([{ call: { id: 2, args: new TextValue(long, false, []) } }]),
  );
  assert.equal(new TextDecoder().decode(message?.call?.args?.json), long);
  const small = writer.write([{ stop: {} }]);
  assert.ok(small.buffer.byteLength < 1 << 20, `${small.buffer.byteLength} bytes are kept`);
});
