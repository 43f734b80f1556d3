/**
 * Tests that no object literal on the way of a call or an item has a getter. V8 gives each such
 * object a hidden class of its own, in the old generation, where it keeps all that the object
 * refers to until a full collection. A class with a getter has one for all.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../scripts/dev_python.ts";

/** The folders whose objects come with each call, item, ask, chunk or job. */
const HOT = ["async", "bridge", "calls", "jobs/batches", "jobs/engine", "pool", "tools", "values"];
/** The head of a class, or the end of one that takes several lines. */
const CLASS = /^\s*(?:export )?(?:abstract )?class |^\s*(?:extends|implements) .*\{$|^\{$/;

interface Getter {
  readonly line: number;
  readonly name: string;
}

/** Returns the getters of a formatted source that do not stand right in a class. */
function gettersOfObjects(source: string): Getter[] {
  const lines = source.split("\n");
  return lines.flatMap((text, i) => {
    const [, indent, name = ""] = /^(\s+)(?:static )?get (#?\w+|\[.+\])\(\)/.exec(text) ?? [];
    if (indent === undefined) return [];
    const around = lines.slice(0, i).findLast((it) => it.trim() !== "" && isLess(it, indent));
    return CLASS.test(around ?? "") ? [] : [{ line: i + 1, name }];
  });
}

/** Returns true for a line that is indented less. */
function isLess(line: string, indent: string): boolean {
  return line.length - line.trimStart().length < indent.length;
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
    if (isDirectory && name !== "gen") yield* sources(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

Deno.test("no object literal on the way of a call or an item has a getter", async () => {
  const found: string[] = [];
  let files = 0;
  for (const folder of HOT) {
    for await (const file of sources(`src/${folder}`)) {
      files++;
      const source = await Deno.readTextFile(join(ROOT, file));
      for (const { line, name } of gettersOfObjects(source)) found.push(`${file}:${line} ${name}`);
    }
  }
  assert.ok(files > 100, `${files} files`);
  assert.deepEqual(found, []);
});

Deno.test("a getter of an object literal is told from one of a class", () => {
  const source = `
class A extends B {
  get a(): number {
    return 1;
  }
}
export class C<T>
  implements D {
  static get b() {
    return {
      text: "",

      get c() {
        return 2;
      },
    };
  }
}
const d = {
  get e() {
    return new class {
      get f() {
        return 3;
      }
    }();
  },
};
`;
  const names = gettersOfObjects(source).map(({ name }) => name);
  // A class in an expression is reported, too: it makes a hidden class each time.
  assert.deepEqual(names, ["c", "e", "f"]);
});
