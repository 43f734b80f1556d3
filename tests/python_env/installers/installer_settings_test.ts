import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ensurePython } from "../../../src/python_env/ensure_python.ts";
import { isInstallerSetting } from "../../../src/python_env/installers/installer_settings.ts";
import { type TinySource, tinySource, withoutUv } from "../tiny_source.ts";

/** Settings that would change what is installed, or where. */
const MISLEADING = `
[global]
quiet = 3
require-virtualenv = false
require-hashes = true
no-deps = true
no-binary = :all:
[install]
user = true
target = DIR/elsewhere
root = DIR/elsewhere
dry-run = true
ignore-requires-python = true
constraint = DIR/missing.txt
requirement = DIR/missing.txt
`;

/** The places of the settings of pip; DIR is HOME. */
const FILES: readonly { file: string; env?: Record<string, string> }[] = [
  { file: ".config/pip/pip.conf" },
  { file: ".pip/pip.conf" },
  { file: "xdg/pip/pip.conf", env: { XDG_CONFIG_HOME: "DIR/xdg" } },
  { file: "all/pip/pip.conf", env: { XDG_CONFIG_DIRS: "DIR/all" } },
  { file: "mine.ini", env: { PIP_CONFIG_FILE: "DIR/mine.ini" } },
];

async function ensure(tiny: TinySource, env: Record<string, string>): Promise<string[]> {
  const requirements = [join(tiny.dir, "mine.txt")];
  await Deno.writeTextFile(join(tiny.dir, "mine.txt"), "snakeden-tiny>=1\n");
  using python = await ensurePython({ dataDir: tiny.dataDir, requirements }, {
    source: tiny.source,
    env: { PATH: withoutUv(tiny.env.PATH ?? ""), HOME: tiny.dir, ...env },
  });
  const code = "import snakeden_tiny; print(snakeden_tiny.__file__)";
  const { stdout } = await new Deno.Command(python.executable, { args: ["-Ic", code] }).output();
  const found = new TextDecoder().decode(stdout).trim();
  assert.ok(found.startsWith(dirname(dirname(python.executable))), found);
  return Array.from(Deno.readDirSync(tiny.dir), (it) => it.name);
}

for (const [i, { file, env = {} }] of FILES.entries()) {
  Deno.test(`ensurePython() takes the index but no other place from the pip settings in ${file}`, async () => {
    // The pip that venv itself runs must not read them either; one file shows it.
    await using tiny = await tinySource({ realVenv: i === 0 });
    const inDir = (text: string): string => text.replaceAll("DIR", tiny.dir);
    const path = join(tiny.dir, file);
    await Deno.mkdir(dirname(path), { recursive: true });
    const index =
      `[install]\nno-index = true\nfind-links =\n    ${tiny.dir}/none\n    ${tiny.dir}/wheels\n`;
    await Deno.writeTextFile(path, inDir(`${MISLEADING}${index.replace("[install]\n", "")}`));
    const variables = Object.entries(env).map(([name, value]) => [name, inDir(value)]);
    const left = await ensure(tiny, Object.fromEntries(variables));
    assert.ok(!left.includes("elsewhere"));
  });
}

Deno.test("ensurePython() takes only the index from PIP_ variables, and no install location", async () => {
  await using tiny = await tinySource({ realVenv: true });
  const left = await ensure(tiny, {
    ...tiny.env,
    PIP_USER: "1",
    PIP_TARGET: join(tiny.dir, "elsewhere"),
    PIP_PREFIX: join(tiny.dir, "elsewhere"),
    PIP_REQUIRE_HASHES: "1",
    PIP_NO_DEPS: "1",
    PIP_NO_BINARY: ":all:",
    PIP_CONSTRAINT: join(tiny.dir, "missing.txt"),
    PIP_DRY_RUN: "1",
    PIP_QUIET: "3",
    PIP_VERSION: "23.0",
    PIP_HELP: "1",
  });
  assert.ok(!left.includes("elsewhere"));
});

Deno.test("ensurePython() reports that pip cannot read its settings", async () => {
  await using tiny = await tinySource();
  await Deno.mkdir(join(tiny.dir, ".pip"));
  await Deno.writeTextFile(join(tiny.dir, ".pip/pip.conf"), "user = true\n");
  await assert.rejects(ensure(tiny, {}), {
    code: "python_environment",
    message: /pip cannot read its settings.*File contains no section headers/s,
  });
});

Deno.test("isInstallerSetting() allows only the places of packages and how to reach them", () => {
  const kept = [
    ...["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT"],
    ...["PIP_TRUSTED_HOST", "PIP_PROXY", "PIP_DEFAULT_TIMEOUT", "PIP_CONFIG_FILE"],
    ...["UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_MINE_PASSWORD", "UV_FIND_LINKS", "UV_OFFLINE"],
    ...["UV_CACHE_DIR", "UV_NATIVE_TLS", "UV_HTTP_TIMEOUT", "UV_PYTHON_INSTALL_DIR"],
  ];
  const dropped = [
    ...["PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_REQUIREMENT"],
    ...["PIP_CONSTRAINT", "PIP_REQUIRE_HASHES", "PIP_NO_DEPS", "PIP_ONLY_BINARY", "PIP_QUIET"],
    ...["UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_CONSTRAINT", "UV_OVERRIDE"],
    ...["UV_NO_VERIFY_HASHES", "UV_REQUIRE_HASHES", "UV_EXCLUDE_NEWER", "UV_CONFIG_FILE"],
    ...["UV_WORKING_DIR", "UV_PROJECT", "UV_RESOLUTION", "UV_NO_BINARY", "UV_INDEXES", "PATH"],
  ];
  assert.deepEqual(kept.filter((it) => !isInstallerSetting(it)), []);
  assert.deepEqual(dropped.filter((it) => isInstallerSetting(it)), []);
});
