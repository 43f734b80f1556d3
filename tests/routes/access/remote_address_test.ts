import assert from "node:assert/strict";
import { addressOf, sourceOf } from "../../../src/routes/access/remote_address.ts";

Deno.test("sourceOf() returns an IPv4 address, or the /64 network of an IPv6 address", () => {
  const cases: readonly [address: string | undefined, source: string][] = [
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::FFFF:203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:0db8:0000::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["1:2:3:4:5:6:7::", "1:2:3:4::/64"],
    [undefined, "unknown"],
  ];
  for (const [address, source] of cases) assert.equal(sourceOf(address), source, String(address));
});

Deno.test("addressOf() returns the IP address of a sender that has one", () => {
  const remoteAddr: Deno.Addr = { transport: "tcp", hostname: "203.0.113.7", port: 1 };
  assert.equal(addressOf({ remoteAddr }), "203.0.113.7");
  assert.equal(addressOf({ remoteAddr: { transport: "unix", path: "/run/s" } }), undefined);
  assert.equal(addressOf({}), undefined);
  assert.equal(addressOf(undefined), undefined);
});
