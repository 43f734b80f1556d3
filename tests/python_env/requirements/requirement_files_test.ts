import fc from "fast-check";
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { readRequirementFiles } from "../../../src/python_env/requirements/requirement_files.ts";

const ENV = { FOLDER: "sub dir", FILE: "plain.txt", EMPTY: "" };

/**
 * Reads files as pip does and prints which it read and the lines that count, or that it refuses
 * them.
 */
const PIP = `
import json, sys
try:
    from pip._internal.req import req_file
except ImportError:
    import ensurepip, glob, os
    bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl")
    sys.path.insert(0, glob.glob(bundled)[0])
    from pip._internal.req import req_file
read_content = req_file.get_file_content
def answer(path):
    files = []
    def get_file_content(url, *args, **options):
        if len(files) > 20:
            raise RecursionError
        name, text = read_content(url, *args, **options)
        files.append([url, [line for _, line in req_file.preprocess(text)]])
        return name, text
    req_file.get_file_content = get_file_content
    parser = req_file.RequirementsFileParser(None, req_file.get_line_parser(None))
    try:
        for _ in parser.parse(path, False):
            pass
    except BaseException as error:
        return "%s: %s" % (type(error).__name__, error)
    return files
print(json.dumps([answer(path) for path in json.load(sys.stdin)]))
`;

type Answer = readonly [path: string, lines: readonly string[]][];

async function askPip(paths: readonly string[]): Promise<(Answer | string)[]> {
  const child = new Deno.Command("python3", {
    args: ["-c", PIP],
    env: ENV,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(paths)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const NAMES = ["plain.txt", "two words.txt", "sub dir/more.txt", "it's.txt", "back\\slash.txt"];

/** A folder with one empty file of each name, and files of the texts. */
async function withFiles(
  texts: readonly string[],
  use: (paths: readonly string[], dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-requirements-" });
  try {
    await Deno.mkdir(join(dir, "sub dir"));
    for (const name of NAMES) await Deno.writeTextFile(join(dir, name), "tiny\n");
    const paths = texts.map((_, i) => join(dir, `${i}.txt`));
    await Promise.all(texts.map((text, i) => Deno.writeTextFile(paths[i] ?? "", text)));
    await use(paths, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/**
 * Compares with pip which files are read and which lines of them count; how often pip took the
 * text.
 */
async function compare(texts: readonly string[]): Promise<number> {
  let taken = 0;
  await withFiles(texts, async (paths, dir) => {
    const answers = await askPip(paths);
    for (const [i, path] of paths.entries()) {
      const answer = answers[i];
      // What pip refuses is refused when it is installed.
      if (typeof answer === "string" || answer === undefined) continue;
      taken++;
      const own = (await readRequirementFiles([path], ENV))
        .map(({ path, lines }) => [relative(dir, path), lines.length]);
      const expected = new Map(answer.map(([path, lines]) => [relative(dir, path), lines.length]));
      assert.deepEqual(own, [...expected], JSON.stringify(texts[i]));
      const [first] = await readRequirementFiles([path], ENV);
      const kept = first?.lines.filter((it) => typeof it === "string");
      const lines = answer[0]?.[1].filter((_, n) => typeof first?.lines[n] === "string");
      assert.deepEqual(kept, lines, JSON.stringify(texts[i]));
    }
  });
  return taken;
}

const INCLUDES = [
  "-r plain.txt",
  "-rplain.txt",
  "-r\tplain.txt",
  "--requirement plain.txt",
  "--requirement=plain.txt",
  "--requirem plain.txt",
  '-r "sub dir/more.txt"',
  "-r 'sub dir/more.txt'",
  "-r sub\\ dir/more.txt",
  '--requirement="sub dir/more.txt"',
  "-r ./sub' 'dir/../sub\" \"dir/more.txt",
  '-r "${FOLDER}/more.txt"',
  "-r ${FILE}",
  "-c plain.txt",
  "--constraint 'two words.txt'",
  "--cons plain.txt",
  "-r plain.txt -c 'two words.txt'",
  "-c plain.txt -r 'two words.txt'",
  "-r plain.txt -r 'two words.txt'",
  "-r plain.txt # a comment",
  "-r \\\n  plain.txt",
  "-r plain\\\n.txt",
  '-r "it\'s.txt"',
  '-r "back\\\\slash.txt"',
  "--pre -r plain.txt",
  "--index-url https://index.test/simple -r plain.txt",
  "-e ./project -r plain.txt",
  "tiny -r plain.txt",
  "tiny>=1 --hash=sha256:00 # -r plain.txt",
  "# -r plain.txt",
  "  # -r plain.txt \\\n-r 'two words.txt'",
  "tiny \\\n# a comment\n-r plain.txt",
  "--require-hashes -r plain.txt",
  "-- -r plain.txt",
];

Deno.test("readRequirementFiles() reads what pip reads", async () => {
  for (const end of ["\n", "\r\n"]) {
    const texts = INCLUDES.map((it) => `${it.replaceAll("\n", end)}${end}`);
    assert.ok(await compare([...texts, "\ufeff-r plain.txt\n", texts.join("")]) > 25);
  }
});

Deno.test("readRequirementFiles() agrees with pip on random files", async () => {
  const word = fc.constantFrom(
    ...["-r", "-c", "-e", "--requirement", "--requirement=", "--constraint", "--pre", "--"],
    ...NAMES,
    ...["'two words.txt'", '"two words.txt"', "two\\ words.txt", "${FILE}", "${EMPTY}", "${NONE}"],
    ...["tiny", "#", "# x", "\\", "\\\n", "'", '"', "\t", "\n", "\r\n", "\u2028", "\f", "\x1f"],
  );
  const text = fc.array(word, { maxLength: 8 }).chain((words) =>
    fc.array(fc.constantFrom(" ", "", "\n"), { minLength: words.length, maxLength: words.length })
      .map((gaps) => words.map((it, i) => it + gaps[i]).join(""))
  );
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 100, maxLength: 100 }), async (texts) => {
      taken += await compare(texts);
    }),
    { numRuns: 10 },
  );
  assert.ok(taken > 100, `pip took only ${taken}`);
});

Deno.test("readRequirementFiles() reads UTF-16, Latin-1 and file: URLs", async () => {
  await withFiles([], async (_paths, dir) => {
    const path = join(dir, "odd.txt");
    const utf16 = new Uint16Array([..."\ufeff-r plain.txt\n"].map((it) => it.charCodeAt(0)));
    await Deno.writeFile(path, new Uint8Array(utf16.buffer));
    const read = async (): Promise<string[]> =>
      (await readRequirementFiles([path], {})).map((it) => relative(dir, it.path));
    assert.deepEqual(await read(), ["odd.txt", "plain.txt"]);
    await Deno.writeFile(
      path,
      new Uint8Array([0x23, 0xe9, 0x0a, ...new TextEncoder().encode("-r plain.txt")]),
    );
    assert.deepEqual(await read(), ["odd.txt", "plain.txt"]);
    await Deno.writeTextFile(
      path,
      `-r file://${encodeURI(dir)}/sub%20dir/more.txt\n-r https://x.test/a\n`,
    );
    assert.deepEqual(await read(), ["odd.txt", "sub dir/more.txt"]);
  });
});

Deno.test("readRequirementFiles() says what a missing file in the working directory is relative to", async () => {
  const cwd = Deno.cwd();
  const message =
    `Cannot prepare the Python environment: the requirements file ${cwd}/sub/no.txt ` +
    "does not exist; a relative path in a configuration file goes by the folder of that file, and " +
    `one in a program by the working directory, ${cwd}: write import.meta.dirname + "/sub/no.txt" ` +
    "there for a file beside the program";
  await assert.rejects(readRequirementFiles(["sub/no.txt"], {}), { message });
  await assert.rejects(readRequirementFiles(["/no/such/dir/no.txt"], {}), {
    message: /\/no\/such\/dir\/no\.txt does not exist$/,
  });
});

Deno.test("readRequirementFiles() names the file that refers to a missing one", async () => {
  await withFiles(["-r 'no such.txt'\n"], async ([path = ""]) => {
    await assert.rejects(readRequirementFiles([path], {}), {
      code: "python_environment",
      message:
        `Cannot prepare the Python environment: the requirements file ${
          dirname(path)
        }/no such.txt, ` +
        `which ${path} names, does not exist`,
    });
  });
});
