import { plainLines } from "./doc_comment.ts";
import { listOf, recordOf, rootSchema, type Schema } from "./json_schema.ts";
import { byName, NameTable, pascalCase } from "./names.ts";
import { isClass, type PythonContext, pythonType } from "./python_type.ts";
import type { DescribedTool } from "./tool_types.ts";

// deno-fmt-ignore
const KEYWORDS = new Set([
  "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
  "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in",
  "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with",
  "yield",
]);
/**
 * The methods of the real object, `snakeden.host_tools.HostTools`: a tool of such a name is only
 * reached by `tools["name"]`.
 */
export const METHODS: ReadonlySet<string> = new Set([
  ...["acall", "adescribe", "anames", "astream", "call", "describe", "names", "register"],
  ...["stream", "unregister"],
]);

const HEAD = `"""The host tools, for type checkers.

Written by \`deno task types --stubs\` of Snakeden; do not edit.
"""

# ruff: noqa
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, TypeVar, cast, overload

from snakeden import current_call

if TYPE_CHECKING:
    from typing_extensions import NotRequired, Self

T_co = TypeVar("T_co", covariant=True)


class Items(Protocol[T_co]):
    """The items of a tool that streams."""

    @property
    def result(self) -> Any: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> T_co: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: Any, error: Any, trace: Any) -> None: ...
    def close(self) -> None: ...


class AsyncItems(Protocol[T_co]):
    """The items of a tool that streams, for \`async for\`."""

    @property
    def result(self) -> Any: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> T_co: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None: ...
    async def aclose(self) -> None: ...
`;

const TAIL = `def host_tools() -> HostTools:
    """Return the host tools that the running call may use."""
    return cast("HostTools", current_call().tools)
`;

/** The names in the module that no class may have. */
const RESERVED = [
  ...["Any", "AsyncItems", "HostTools", "Items", "Literal", "Mapping", "NotRequired", "Protocol"],
  ...["Self", "Sequence", "TypeVar", "TypedDict", "T_co", ...KEYWORDS],
];

/**
 * Writes a Python module with the types of host tools: a class for each tool and each object, and
 * `host_tools()`, which returns `current_call().tools` with these types.
 */
export function hostToolStubs(tools: readonly DescribedTool[]): string {
  const sorted = [...tools].sort((a, b) => byName(a.name, b.name));
  const names = new NameTable(RESERVED);
  const named = sorted.map((tool) => ({ tool, name: names.take(pascalCase(tool.name, "Tool")) }));
  const classes = new Classes(names);
  const protocols = named.map(({ tool, name }) => toolClass(tool, name, classes));
  return [HEAD, ...classes.texts(), ...protocols, toolsClass(named), TAIL].join("\n\n");
}

/** The classes of objects, each written once. */
class Classes {
  readonly #names: NameTable;
  readonly #nameOfKey = new Map<string, string>();
  readonly #texts: { text: string }[] = [];

  constructor(names: NameTable) {
    this.#names = names;
  }

  texts(): string[] {
    return this.#texts.map(({ text }) => text);
  }

  /** Returns the name of the class of an object schema. */
  nameOf(schema: Schema, wanted: string, context: PythonContext): string {
    const key = JSON.stringify([wanted, context.direction, schema, context.root.definitions]);
    const known = this.#nameOfKey.get(key);
    if (known !== undefined) return known;
    const name = this.#names.take(pascalCase(wanted, "Type"));
    this.#nameOfKey.set(key, name);
    const entry = { text: "" };
    this.#texts.push(entry); // Holds its place before the classes inside.
    entry.text = typedDict(name, schema, context);
    return name;
  }
}

function contextOf(
  schema: Schema,
  { classes, ...place }: Pick<PythonContext, "direction" | "rootName"> & {
    readonly classes: Classes;
  },
): PythonContext {
  return {
    ...place,
    root: rootSchema(schema),
    classOf: (it, wanted, context) => classes.nameOf(it, wanted, context),
  };
}

function typedDict(name: string, schema: Schema, context: PythonContext): string {
  const fields = Object.entries(recordOf(schema.properties)).map(([key, it]) => {
    const hint = pythonType(it, `${name}${pascalCase(key, "Field")}`, context);
    return [key, listOf(schema.required).includes(key) ? hint : `NotRequired[${hint}]`] as const;
  });
  if (fields.every(([key]) => isName(key) && !key.startsWith("__"))) {
    const lines = fields.map(([key, hint]) => `    ${key}: ${hint}\n`);
    return `class ${name}(TypedDict):\n${docstring(schema.description)}${lines.join("")}`;
  }
  const lines = fields.map(([key, hint]) => `        ${text(key)}: ${text(hint)},\n`);
  return `${name} = TypedDict(\n    "${name}",\n    {\n${lines.join("")}    },\n)\n`;
}

/** Writes a text as Python does, with the escapes that JSON has, too. */
function text(value: string): string {
  return JSON.stringify(value);
}

function isName(key: string): boolean {
  return /^[A-Za-z_]\w*$/.test(key) && !KEYWORDS.has(key);
}

function docstring(description: unknown): string {
  if (typeof description !== "string" || description.trim() === "") return "";
  const lines = plainLines(description.replaceAll("\\", "\\\\").replaceAll('"', '\\"'))
    .map((it) => it.trimEnd());
  const [first = "", ...more] = lines;
  const end = more.length === 0 ? '"""\n' : '\n    """\n';
  return `    """${[first, ...more.map((it) => `    ${it}`.trimEnd())].join("\n")}${end}\n`;
}

function toolClass(tool: DescribedTool, name: string, classes: Classes): string {
  const args = parameters(tool.inputSchema, name, classes);
  const rootName = `${name}${tool.streams ? "Chunk" : "Result"}`;
  const output = contextOf(tool.outputSchema ?? {}, { direction: "result", rootName, classes });
  const result = pythonType(tool.outputSchema, rootName, output);
  const whole = tool.streams ? `list[${result}]` : result;
  const lines = [
    `    def __call__(self${args}) -> ${whole}: ...\n`,
    `    async def acall(self${args}) -> ${whole}: ...\n`,
    ...(tool.streams
      ? [
        `    def stream(self${args}) -> Items[${result}]: ...\n`,
        `    def astream(self${args}) -> AsyncItems[${result}]: ...\n`,
      ]
      : []),
  ];
  return `class ${name}(Protocol):\n${docstring(tool.description)}${lines.join("")}`;
}

/** Returns the parameters of a tool: by name, or one object if Python cannot write the names. */
function parameters(schema: Schema, name: string, classes: Classes): string {
  const rootName = `${name}Args`;
  const context = contextOf(schema, { direction: "args", rootName, classes });
  const properties = Object.entries(recordOf(schema.properties));
  const more = schema.additionalProperties;
  if (isClass(schema) && properties.some(([key]) => !isName(key) || key === "self")) {
    return `, args: ${context.classOf(schema, rootName, context)}, /`;
  }
  const named = properties.map(([key, it]) => {
    const hint = pythonType(it, `${name}${pascalCase(key, "Field")}`, context);
    const isRequired = listOf(schema.required).includes(key);
    return { isRequired, text: `${key}: ${hint}${isRequired ? "" : " = ..."}` };
  });
  const takesMore = more !== undefined && more !== false;
  const parts = [
    ...(named.length > 0 ? ["*"] : []),
    ...named.map((it) => it.text),
    ...(takesMore ? [`**more: ${pythonType(more, `${name}More`, context)}`] : []),
  ];
  return parts.map((it) => `, ${it}`).join("");
}

function toolsClass(
  named: readonly { readonly tool: DescribedTool; readonly name: string }[],
): string {
  const attributes = named.filter(({ tool }) => isName(tool.name) && !METHODS.has(tool.name))
    .map(({ tool, name }) => `    @property\n    def ${tool.name}(self) -> ${name}: ...\n`);
  const mark = named.length > 1 ? "    @overload\n" : "";
  const items = named.map(({ tool, name }) =>
    `${mark}    def __getitem__(self, name: Literal[${text(tool.name)}], /) -> ${name}: ...\n`
  );
  return 'class HostTools(Protocol):\n    """The host tools, by name."""\n\n' +
    `${[...attributes, ...items].join("")}`;
}
