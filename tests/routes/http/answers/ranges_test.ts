import assert from "node:assert/strict";
import { SnakedenError } from "../../../../src/errors.ts";
import {
  problemOf,
  problemResponse,
  rangedAnswer,
  UnreadAnswers,
} from "../../../../src/routes/http/mod.ts";
import { until } from "../../../fixtures/until.ts";

const TEXT = "0123456789";
const LIMITS = { maxUnreadBytes: 500_000, maxResultBytes: 300_000, answerTimeoutMs: 0 };
const HEADERS = { "content-type": "text/x", "cache-control": "private, no-cache", vary: "accept" };

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  /** The parts that were opened. */
  readonly opened: readonly string[];
}

/** Asks for a thing of ten bytes. */
async function ask(
  asked: Readonly<Record<string, string>>,
  { method = "GET", text = TEXT }: { readonly method?: string; readonly text?: string } = {},
): Promise<Answered> {
  const opened: string[] = [];
  const request = new Request("http://host/x", { method, headers: asked });
  const source = {
    bytes: text.length,
    tag: "abc",
    open: ({ start, end }: { readonly start: number; readonly end: number }) => {
      opened.push(`${start}-${end}`);
      return Promise.resolve(
        ReadableStream.from([new TextEncoder().encode(text.slice(start, end))]),
      );
    },
  };
  const options = { answers: new UnreadAnswers(LIMITS), headers: HEADERS };
  const response = await rangedAnswer(request, source, options).catch((error) =>
    problemResponse(problemOf(error, "r"))
  );
  const { status, headers } = response;
  return { status, text: await response.text(), headers, opened };
}

Deno.test("rangedAnswer() answers the whole, with its tag and length", async () => {
  const { status, text, headers } = await ask({});
  assert.deepEqual([status, text], [200, TEXT]);
  assert.equal(headers.get("etag"), '"abc"');
  assert.equal(headers.get("accept-ranges"), "bytes");
  assert.equal(headers.get("content-length"), "10");
  assert.equal(headers.get("content-type"), "text/x");
  assert.equal(headers.get("content-range"), null);
});

for (
  const [range, text, contentRange] of [
    ["bytes=0-0", "0", "bytes 0-0/10"],
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=7-1000000000000000000000", "789", "bytes 7-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=-30", TEXT, "bytes 0-9/10"],
    ["Bytes = 2 - 4 ", "234", "bytes 2-4/10"],
  ] as const
) {
  Deno.test(`rangedAnswer() answers ${range} with that part alone`, async () => {
    const answer = await ask({ range });
    assert.deepEqual([answer.status, answer.text], [206, text]);
    assert.equal(answer.headers.get("content-range"), contentRange);
    assert.equal(answer.headers.get("content-length"), String(text.length));
    assert.equal(answer.opened.length, 1);
  });
}

for (const range of ["bytes=10-", "bytes=10-20", "bytes=-0", `bytes=${"9".repeat(400)}-`]) {
  Deno.test(`rangedAnswer() refuses ${range.slice(0, 20)}, and opens nothing`, async () => {
    const { status, text, headers, opened } = await ask({ range });
    assert.equal(status, 416);
    assert.equal(headers.get("content-range"), "bytes */10");
    assert.equal(JSON.parse(text).code, "range_not_satisfiable");
    assert.deepEqual(opened, []);
  });
}

for (
  const range of ["bytes=4-2", "bytes=a-b", "lines=1-2", "bytes=1-2,4-5", "bytes=-", "", "1-2"]
) {
  Deno.test(`rangedAnswer() ignores the range ${JSON.stringify(range)}`, async () => {
    const { status, text } = await ask({ range });
    assert.deepEqual([status, text], [200, TEXT]);
  });
}

Deno.test("rangedAnswer() of something empty has no part to send", async () => {
  const whole = await ask({}, { text: "" });
  assert.deepEqual([whole.status, whole.text, whole.opened], [200, "", []]);
  assert.equal(whole.headers.get("content-length"), "0");
  for (const range of ["bytes=0-", "bytes=-5"]) {
    assert.equal((await ask({ range }, { text: "" })).status, 416);
  }
});

Deno.test("rangedAnswer() sends a part only if If-Range has its tag", async () => {
  const range = "bytes=1-2";
  assert.equal((await ask({ range, "if-range": '"abc"' })).status, 206);
  for (const other of ['"xyz"', 'W/"abc"', "Wed, 21 Oct 2026 07:28:00 GMT", "abc"]) {
    const answer = await ask({ range, "if-range": other });
    assert.deepEqual([answer.status, answer.text], [200, TEXT], other);
  }
  // A range that cannot be satisfied does not count either.
  assert.equal((await ask({ range: "bytes=99-", "if-range": '"xyz"' })).status, 200);
});

Deno.test("rangedAnswer() answers 304 to a client that has it", async () => {
  for (const known of ['"abc"', 'W/"abc"', '"x", "abc"', "*"]) {
    const { status, text, headers, opened } = await ask({ "if-none-match": known });
    assert.deepEqual([status, text, headers.get("etag"), opened], [304, "", '"abc"', []], known);
    assert.equal(headers.get("cache-control"), "private, no-cache");
    assert.equal(headers.get("vary"), "accept");
    assert.equal(headers.get("content-type"), null);
  }
  assert.equal((await ask({ "if-none-match": '"x", "y"' })).status, 200);
});

Deno.test("rangedAnswer() to HEAD has the headers of the whole, and opens nothing", async () => {
  for (const asked of [{}, { range: "bytes=1-2" }]) {
    const { status, text, headers, opened } = await ask(asked, { method: "HEAD" });
    assert.deepEqual([status, text, opened], [200, "", []]);
    assert.equal(headers.get("content-length"), "10");
    assert.equal(headers.get("etag"), '"abc"');
  }
});

Deno.test("rangedAnswer() fails with the error of its source", async () => {
  const error = new SnakedenError("store_failed", "gone");
  const source = { bytes: 1, tag: "a", open: () => Promise.reject(error) };
  const answers = new UnreadAnswers(LIMITS);
  await assert.rejects(
    rangedAnswer(new Request("http://h/"), source, { answers, headers: {} }),
    error,
  );
});

Deno.test("a body that nobody reads is ended, and its source is cancelled", async () => {
  const answers = new UnreadAnswers({ ...LIMITS, answerTimeoutMs: 5 });
  let cancelled = 0;
  const source = {
    bytes: 3_000_000,
    tag: "a",
    open: () =>
      Promise.resolve(
        new ReadableStream<Uint8Array>({
          pull: (it) => it.enqueue(new Uint8Array(100_000)),
          cancel: () => void cancelled++,
        }),
      ),
  };
  const { body } = await rangedAnswer(new Request("http://h/"), source, { answers, headers: {} });
  const reader = body?.getReader();
  await reader?.read();
  await until(() => {
    answers.time.check();
    return cancelled === 1;
  }, "the source to be cancelled");
  await assert.rejects(async () => await reader?.read(), /Nobody reads the response/);
  assert.ok(answers.time.isEmpty);
});

Deno.test("a body whose client leaves cancels its source", async () => {
  const answers = new UnreadAnswers(LIMITS);
  let cancelled = 0;
  const stream = new ReadableStream<Uint8Array>({ cancel: () => void cancelled++ });
  const source = { bytes: 10, tag: "a", open: () => Promise.resolve(stream) };
  const { body } = await rangedAnswer(new Request("http://h/"), source, { answers, headers: {} });
  await body?.cancel();
  assert.equal(cancelled, 1);
  assert.ok(answers.time.isEmpty);
});
