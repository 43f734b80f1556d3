import assert from "node:assert/strict";
import { commandEnv } from "../../../src/python_env/installers/command_env.ts";

Deno.test("commandEnv() keeps what installers need and no secret", () => {
  const kept = {
    PATH: "/bin",
    HOME: "/home/u",
    PIP_INDEX_URL: "https://index.test/simple",
    UV_CACHE_DIR: "/cache",
    https_proxy: "http://proxy.test:3128",
    NO_PROXY: "localhost",
    SSL_CERT_FILE: "/certs.pem",
    LANG: "C.UTF-8",
  };
  const env = commandEnv({
    ...kept,
    AWS_SECRET_ACCESS_KEY: "s",
    SNAKEDEN_API_KEY: "k",
    PYTHONPATH: "/x",
  });
  for (const [name, value] of Object.entries(kept)) assert.equal(env[name], value, name);
  for (const name of ["AWS_SECRET_ACCESS_KEY", "SNAKEDEN_API_KEY", "PYTHONPATH"]) {
    assert.equal(env[name], undefined, name);
  }
});

Deno.test("commandEnv() drops settings that would install into another place", () => {
  const env = commandEnv({ PIP_TARGET: "/t", PIP_USER: "1", UV_PYTHON: "3.9", PIP_DRY_RUN: "1" });
  assert.deepEqual(Object.keys(env).filter((it) => /TARGET|PIP_USER|UV_PYTHON|DRY/.test(it)), []);
});

Deno.test("commandEnv() adds the variables that requirement files name, unless they are settings", () => {
  const host = {
    INDEX_TOKEN: "t",
    PIP_TARGET: "/t",
    UV_PYTHON: "3.9",
    PYTHONPATH: "/p",
    OTHER: "o",
  };
  const env = commandEnv(host, ["INDEX_TOKEN", "PIP_TARGET", "UV_PYTHON", "PYTHONPATH", "NOT_SET"]);
  const added = Object.keys(env).filter((it) => !(it in commandEnv({})));
  assert.deepEqual(added, ["INDEX_TOKEN"]);
});
