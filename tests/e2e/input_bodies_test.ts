/** Tests bodies that a tool of a real server reads while they arrive. */
import assert from "node:assert/strict";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LINES = "application/x-ndjson";
const BYTES = "application/octet-stream";

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** The log of the server and its worker so far. */
  readonly log: string;
}

async function serve(): Promise<Served> {
  const dir = await tempDir();
  const config = `${dir.path}/config.json`;
  const pool = { name: "default", size: 1, adapter: "takes_inputs", modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  const server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  return {
    url: server.url,
    pid: server.pid,
    get log(): string {
      return server.stderr;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await server[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function post(url: string, body: BodyInit | null, type = LINES): Promise<Response> {
  const init = { method: "POST", headers: { "content-type": type }, body, duplex: "half" };
  return fetch(url, init);
}

async function resultOf(answer: Promise<Response>): Promise<unknown> {
  const body = await (await answer).json();
  assert.ok("result" in body, JSON.stringify(body));
  return body.result;
}

/** A problem as its status, its code and its text. */
async function problemOf(answer: Promise<Response>): Promise<[number, string, string]> {
  const { status, code, detail } = await (await answer).json();
  return [status, code, detail];
}

/** A client that writes a body in pieces and reads the answer meanwhile. */
class RawClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  #seen = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(
    url: string,
    path: string,
    type: string,
    framing = "transfer-encoding: chunked",
  ): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const client = new RawClient(connection);
    await client.write(
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\n` +
        `accept: application/x-ndjson\r\n${framing}\r\n\r\n`,
    );
    return client;
  }

  async write(data: string | Uint8Array): Promise<void> {
    const writer = this.#connection.writable.getWriter();
    await writer.write(typeof data === "string" ? encoder.encode(data) : data);
    writer.releaseLock();
  }

  async send(text: string): Promise<void> {
    await this.write(`${encoder.encode(text).byteLength.toString(16)}\r\n${text}\r\n`);
  }

  /** Ends what it sends, while it still reads. */
  async endWriting(): Promise<void> {
    await this.#connection.closeWrite();
  }

  async readUntil(text: string): Promise<void> {
    const buffer = new Uint8Array(4_096);
    while (!this.#seen.includes(text)) {
      const length = await this.#connection.read(buffer);
      assert.ok(length !== null, `the answer ended after ${this.#seen}`);
      this.#seen += decoder.decode(buffer.subarray(0, length));
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

async function busyOf(url: string): Promise<number> {
  const { pools } = await (await fetch(`${url}/v1/pools`)).json();
  return pools[0].workers.busy;
}

Deno.test("a body that is a stream reaches the tool", async (t) => {
  await using server = await serve();
  const at = (query: string): string => `${server.url}/v1/execute?${query}`;

  await t.step("lines of JSON, with tags, big numbers and empty lines", async () => {
    const text =
      '1\r\n\n  \n[2,"ü"]\n123456789012345678901\n{"$snakeden":"bytes","base64":"AQI="}\n' +
      '{"$snakeden":"float","value":"NaN"}';
    assert.deepEqual(await resultOf(post(at("tool=echo&input=items"), text)), [
      1,
      [2, "ü"],
      123456789012345678901,
      { $snakeden: "bytes", base64: "AQI=" },
      { $snakeden: "float", value: "NaN" },
    ]);
    assert.equal(await resultOf(post(at("tool=total&input=numbers"), "1\n2\n3\n")), 6);
    assert.equal(await resultOf(post(at("tool=total&input=numbers"), "")), 0);
    assert.equal(await resultOf(post(at("tool=total&input=numbers"), null)), 0);
    const args = encodeURIComponent('{"left":["a","b"]}');
    const query = `tool=zipped&input=right&args=${args}&timeoutMs=5000`;
    assert.deepEqual(await resultOf(post(at(query), "1\n2\n")), [["a", 1], ["b", 2]]);
  });

  await t.step("many lines", async () => {
    const text = Array.from({ length: 200_000 }, (_, i) => `${i}\n`).join("");
    assert.equal(await resultOf(post(at("tool=total&input=numbers"), text)), 19_999_900_000);
  });

  await t.step("bytes, as they come or in frames", async () => {
    const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);
    const query = "tool=echo&input=items&chunkBytes=4";
    const frames = await resultOf(post(at(query), bytes, BYTES)) as { base64: string }[];
    const sizes = frames.map((it) => Uint8Array.fromBase64(it.base64));
    assert.deepEqual(sizes.map((it) => [...it]), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
    const large = new Uint8Array(3_000_000).fill(1);
    const framed = post(at("tool=count&input=items&chunkBytes=1000"), large, BYTES);
    assert.equal(await resultOf(framed), 3_000);
    assert.ok(await resultOf(post(at("tool=count&input=items"), large, BYTES)) as number >= 1);
  });

  await t.step("more bytes than a body may have, with bounded memory", async () => {
    const rss = async (): Promise<number> => {
      const status = await Deno.readTextFile(`/proc/${server.pid}/status`);
      return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1_024;
    };
    const before = await rss();
    // The file has no blocks on the disk. curl sends it faster than fetch of this runtime does.
    await using dir = await tempDir();
    const path = `${dir.path}/large`;
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, 300_000_000);
    const args = ["-s", "-T", path, "-X", "POST", "-H", `content-type: ${BYTES}`];
    const url = at("tool=count&input=items&chunkBytes=100000");
    const { stdout } = await new Deno.Command("curl", { args: [...args, url] }).output();
    assert.equal(JSON.parse(decoder.decode(stdout)).result, 3_000);
    const grown = await rss() - before;
    assert.ok(grown < 100, `the server grew by ${grown} MiB`);
  });

  await t.step("broken lines are named", async () => {
    const lines = (text: string): Promise<[number, string, string]> =>
      problemOf(post(at("tool=count&input=items"), text));
    assert.deepEqual((await lines("1\n\n{oops\n4\n")).slice(0, 2), [400, "invalid_input"]);
    assert.match(
      (await lines("1\n\n{oops\n4\n"))[2],
      /Cannot read line 3: it is not JSON: column 2: /,
    );
    assert.match((await lines('1\n{"$snakeden":"input","id":0}\n'))[2], /line 2: the tag input/);
    assert.match((await lines('1\n{"$snakeden":"odd"}\n'))[2], /line 2: the tag "odd"/);
    const long = await lines(`1\n"${"x".repeat(2_000_000)}"\n`);
    assert.deepEqual(long.slice(0, 2), [413, "body_too_large"]);
    assert.match(long[2], /line 2/);
    const caught = await resultOf(post(at("tool=catches&input=items"), "1\n2\n{\n")) as object;
    assert.deepEqual({ ...caught, text: "" }, {
      taken: [1, 2],
      code: "invalid_input",
      text: "",
      argument: "args.items",
    });
    const wrong = await problemOf(post(at("tool=points&input=points"), '{"x":1}\n{"x":"a"}\n'));
    assert.deepEqual(wrong.slice(0, 2), [422, "invalid_arguments"]);
    assert.match(wrong[2], /args\.points\[1\]\.x/);
  });

  await t.step("a query that is wrong is refused before the body is read", async () => {
    const refused = (query: string, type = LINES): Promise<[number, string, string]> =>
      problemOf(post(at(query), "1\n", type));
    for (
      const [query, text] of [
        ["tool=total&input=number", /given "number", .*numbers/],
        ["tool=as_list&input=numbers", /"numbers", which does not take a stream/],
        ["tool=total&input=", /the name of a parameter/],
        ["tool=total&input=numbers&input=numbers", /given twice/],
        ["tool=total&input=numbers&args={%22numbers%22:[1]}", /in the body and in the query/],
        ["tool=total&input=numbers&arg=numbers", /one of the two/],
        ["tool=total&input=numbers&chunkBytes=3", /a body of bytes only/],
        ["tool=total&input=numbers&rows=3", /rows: unknown key/],
      ] as const
    ) {
      const [status, code, detail] = await refused(query);
      assert.deepEqual([status, code], [400, "invalid_input"], query);
      assert.match(detail, text);
    }
    const frame = await refused("tool=echo&input=items&chunkBytes=0", BYTES);
    assert.match(frame[2], /chunkBytes: given "0"; allowed: a whole number/);
    const json = await refused("tool=total&input=numbers", "application/json");
    assert.deepEqual(json.slice(0, 2), [415, "unsupported_media_type"]);
    assert.equal((await refused("tool=totel&input=numbers"))[1], "unknown_tool");
    assert.equal(await resultOf(post(at("tool=total_unhinted&input=numbers"), "1\n2\n")), 3);
  });

  await t.step("a tag input in a JSON body is refused", async () => {
    const body = JSON.stringify({
      tool: "total",
      args: { numbers: { $snakeden: "input", id: 0 } },
    });
    const [status, code, detail] = await problemOf(
      post(`${server.url}/v1/execute`, body, "application/json"),
    );
    assert.deepEqual([status, code], [400, "invalid_input"]);
    assert.match(detail, /args\.numbers: the tag input has no form in JSON/);
  });

  await t.step("a tool that returns early answers before the body has ended", async () => {
    using client = await RawClient.open(server.url, "/v1/execute?tool=first&input=items", LINES);
    await client.send('"a"\n');
    await client.readUntil('"result":"a"');
  });

  await t.step("a body that stalls is ended by the deadline of the call", async () => {
    const path = "/v1/execute?tool=count&input=items&timeoutMs=300";
    using client = await RawClient.open(server.url, path, LINES);
    await client.send("1\n");
    await client.readUntil("deadline_exceeded");
  });
});

Deno.test("chunks come back while the body still goes on", async (t) => {
  await using server = await serve();

  await t.step("to a raw socket", async () => {
    using client = await RawClient.open(server.url, "/v1/stream?tool=echo&input=items", LINES);
    for (const text of ["a", "b", "c"]) {
      await client.send(`"${text}"\n`);
      await client.readUntil(`{"event":"chunk","data":"${text}"}`);
    }
    await client.write("0\r\n\r\n");
    await client.readUntil('"event":"done"');
  });

  await t.step("to fetch", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const answering = fetch(`${server.url}/v1/stream?tool=echo&input=items`, {
      method: "POST",
      headers: { "content-type": LINES, accept: LINES },
      body: readable,
    });
    await writer.write(encoder.encode('"one"\n'));
    const reader = (await answering).body?.getReader();
    assert.match(decoder.decode((await reader?.read())?.value), /"one"/);
    await writer.write(encoder.encode('"two"\n'));
    assert.match(decoder.decode((await reader?.read())?.value), /"two"/);
    await writer.close();
    assert.match(decoder.decode((await reader?.read())?.value), /done/);
    await reader?.cancel();
  });

  await t.step("to curl", async () => {
    const script = '(echo 1; sleep 0.3; echo 2) | curl -sN -T - -X POST -H "accept: $1" ' +
      '-H "content-type: $1" "$0/v1/stream?tool=echo&input=items"';
    const { stdout } = await new Deno.Command("sh", { args: ["-c", script, server.url, LINES] })
      .output();
    const events = decoder.decode(stdout).trim().split("\n").map((it) => JSON.parse(it));
    assert.deepEqual(events.map((it) => it.event), ["chunk", "chunk", "done"]);
  });
});

Deno.test("a client that leaves in the middle of its body frees the worker", async () => {
  await using server = await serve();
  for (const path of ["/v1/execute", "/v1/stream"]) {
    {
      using client = await RawClient.open(server.url, `${path}?tool=count&input=items`, LINES);
      await client.send("1\n");
      await until(async () => await busyOf(server.url) === 1, "the call to begin");
    }
    await until(async () => await busyOf(server.url) === 0, "the worker to be free");
  }
});

Deno.test("a body that breaks off is a HostError in the tool, after the items before it", async () => {
  await using server = await serve();
  using client = await RawClient.open(
    server.url,
    "/v1/execute?tool=catches&input=items",
    LINES,
    "content-length: 2000",
  );
  await client.write("1\n2\n");
  // The runtime gives up what it has not passed on when the connection breaks.
  await until(() => server.log.includes("has taken 2"), "the items to be taken");
  await client.endWriting();
  await client.readUntil('"taken":[1,2],"code":"request_incomplete"');
  await until(async () => await busyOf(server.url) === 0, "the worker to be free");
});

Deno.test("the death of a worker ends a call whose body is still open", async () => {
  await using server = await serve();
  using client = await RawClient.open(server.url, "/v1/execute?tool=count&input=items", LINES);
  await client.send("1\n");
  await until(async () => await busyOf(server.url) === 1, "the call to begin");
  const { workers } = await (await fetch(`${server.url}/v1/workers`)).json();
  signalPid(workers[0].pid, "SIGKILL");
  await client.readUntil("worker_crashed");
  assert.equal(await resultOf(post(`${server.url}/v1/execute?tool=total&input=numbers`, "1\n")), 1);
});

Deno.test("a tool that does not read makes the client wait", async () => {
  await using server = await serve();
  await using dir = await tempDir();
  const path = `${dir.path}/lines`;
  await Deno.writeTextFile(path, "");
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller): void {
      if (sent === 400) return controller.close();
      sent++;
      controller.enqueue(new Uint8Array(100_000));
    },
  }, { highWaterMark: 0 });
  const args = encodeURIComponent(JSON.stringify({ path }));
  const query = `tool=reads_slowly&input=items&chunkBytes=100000&args=${args}`;
  const answer = post(`${server.url}/v1/execute?${query}`, body, BYTES);
  let before = -1;
  await until(async () => {
    // The sockets are full once nothing more is taken in a while that others are answered in.
    const stopped = sent > 20 && sent === before;
    before = sent;
    for (let i = 0; i < 20; i++) await busyOf(server.url);
    return stopped;
  }, "the client to be stopped");
  assert.ok(sent < 300, `${sent} of 400 parts were sent`);
  await Deno.writeTextFile(path, "x".repeat(400));
  assert.equal(await resultOf(answer), 400);
});
