import assert from "node:assert/strict";
import { clientEnd, ProcConnections } from "../../../src/routes/http/connections.ts";
import { canListen } from "../../fixtures/can_listen.ts";
import { until } from "../../fixtures/until.ts";

const IS_LINUX = Deno.build.os === "linux";

Deno.test("clientEnd() returns address and port as /proc/net/tcp has them", () => {
  const cases: readonly [hostname: string, end: string | undefined][] = [
    ["127.0.0.1", "0100007F:1F90"],
    ["10.1.2.255", "FF02010A:1F90"],
    ["::1", "00000000000000000000000001000000:1F90"],
    ["2001:db8::ff00:42:8329", "B80D01200000000000FF000029834200:1F90"],
    ["fe80::1%eth0", "000080FE000000000000000001000000:1F90"],
    ["1:2:3:4:5:6:7:8", "02000100040003000600050008000700:1F90"],
    ["::ffff:127.0.0.1", "0100007F:1F90"],
    ["::ffff:7f00:1", "0100007F:1F90"],
    ["localhost", undefined],
    ["1.2.3", undefined],
    ["1.2.3.256", undefined],
    ["::zz", undefined],
  ];
  for (const [hostname, end] of cases) {
    assert.equal(clientEnd({ transport: "tcp", hostname, port: 8080 }), end, hostname);
  }
  assert.equal(clientEnd({ transport: "unix", path: "/run/socket" }), undefined);
  assert.equal(clientEnd(undefined), undefined);
});

for (
  const [listens, connects] of [["127.0.0.1", "127.0.0.1"], ["::1", "::1"], [
    "::",
    "127.0.0.1",
  ]] as const
) {
  const name =
    `ProcConnections.statesOf() tells open from closed connections to ${listens} from ${connects}`;
  Deno.test({ name, ignore: !IS_LINUX || !canListen(listens) }, async () => {
    using listener = Deno.listen({ hostname: listens, port: 0 });
    const { port } = listener.addr;
    const connections = new ProcConnections(port);
    const { signal } = new AbortController();
    const clients: Deno.TcpConn[] = [];
    const ends: string[] = [];
    const accepted: Deno.TcpConn[] = [];
    for (let i = 0; i < 3; i++) {
      const [client, server] = await Promise.all([
        Deno.connect({ hostname: connects, port }),
        listener.accept(),
      ]);
      clients.push(client);
      accepted.push(server);
      ends.push(clientEnd(server.remoteAddr) ?? "");
    }
    try {
      await clients[1]?.closeWrite();
      // A connection that is closed before all of it is read is reset.
      await accepted[2]?.write(new Uint8Array(1));
      clients.pop()?.close();
      const states = await until(async () => {
        const states = await connections.statesOf(ends, signal);
        return !states.has(ends[2] ?? "") && states.get(ends[1] ?? "") === "closed" && states;
      }, "two clients to leave");
      assert.equal(states.get(ends[0] ?? ""), "open");
      // So many that grep is not given their ports.
      const many = Array.from({ length: 600 }, (_, i) => `0100007F:${(1_000 + i).toString(16)}`);
      const all = await connections.statesOf(many, signal);
      assert.deepEqual(ends.map((it) => all.get(it)), ["open", "closed", undefined]);
    } finally {
      for (const connection of [...clients, ...accepted]) connection.close();
    }
  });
}

Deno.test({
  name: "ProcConnections.statesOf() refuses to tell if nobody listens on its port",
  ignore: !IS_LINUX,
}, async () => {
  const listener = Deno.listen({ port: 0 });
  const { port } = listener.addr;
  listener.close();
  const states = new ProcConnections(port).statesOf([], new AbortController().signal);
  await assert.rejects(states, /does not show the port/);
});
