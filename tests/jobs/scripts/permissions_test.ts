import assert from "node:assert/strict";
import { grantedPermissions, type Permissions } from "../../../src/jobs/scripts/permissions.ts";

function granted(asked: Permissions, allowed: Permissions): unknown {
  const result = grantedPermissions(asked, { allowed, folder: "/scripts" });
  return Array.isArray(result) ? result.map(({ path }) => path) : result;
}

Deno.test("grantedPermissions() grants what was asked for, with absolute paths", () => {
  const asked = { read: ["data/a", "/srv"], env: [], net: ["A.example.com:443"] };
  assert.deepEqual(granted(asked, { read: ["/scripts/data", "/srv"], net: ["a.example.com"] }), {
    read: ["/scripts/data/a", "/srv"],
    net: ["A.example.com:443"],
  });
  assert.deepEqual(granted({}, { read: true }), {});
  assert.deepEqual(granted({ read: true, run: ["x"] }, { read: true, run: true }), {
    read: true,
    run: ["x"],
  });
});

Deno.test("grantedPermissions() refuses whatever goes beyond what is allowed", () => {
  const cases: [Permissions, Permissions][] = [
    [{ read: true }, { read: ["/"] }],
    [{ read: ["/srv/../etc"] }, { read: ["/srv"] }],
    [{ read: ["../other"] }, { read: ["/scripts"] }],
    [{ read: ["/srvother"] }, { read: ["/srv"] }],
    [{ write: ["/srv"] }, { read: ["/srv"] }],
    [{ net: ["a.example.com"] }, { net: ["a.example.com:443"] }],
    [{ net: ["a.example.com:80"] }, { net: ["a.example.com:443"] }],
    [{ net: ["example.com"] }, { net: ["*.example.com"] }],
    [{ net: ["*.com"] }, { net: ["*.example.com"] }],
    [{ net: ["[::1]:80"] }, { net: ["[::1]:81"] }],
    [{ env: ["OTHER"] }, { env: ["MY_*"] }],
    [{ env: ["*"] }, { env: ["MY_*"] }],
    [{ run: ["sh"] }, {}],
  ];
  for (const [asked, allowed] of cases) {
    const [path] = granted(asked, allowed) as string[];
    assert.match(path ?? "", /^permissions\.(read|write|net|env|run)(\[0\])?$/);
  }
  for (const net of [["[::1]:80"], ["x.example.com:1"]]) {
    assert.deepEqual(granted({ net }, { net: ["[::1]", "*.example.com"] }), { net });
  }
});
