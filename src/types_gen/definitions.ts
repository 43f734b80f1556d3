import {
  reachableFrom,
  recordOf,
  type Reference,
  type RootSchema,
  type Schema,
} from "./json_schema.ts";
import { type NameTable, pascalCase } from "./names.ts";
import { declarationText, type Direction, type HelperType, type TypeContext } from "./type_text.ts";

/** The place of a schema in a tool. */
export interface Place {
  readonly direction: Direction;
  readonly root: RootSchema;
  /** The name of the type of the whole schema. */
  readonly rootName: string;
}

/**
 * The types of the classes that schemas define. Each gets one name in the whole file: schemas of
 * several tools share the type of a class that they define equally. A class whose type depends on
 * the direction is two types, that of arguments with `Input` behind its name. It has that name even
 * if no result uses the class, so that one more tool does not rename a type.
 */
export class Definitions {
  readonly #names: NameTable;
  readonly #onHelper: (name: HelperType) => void;
  readonly #nameOfKey = new Map<string, string>();
  readonly #texts = new Map<string, string>();

  constructor(names: NameTable, onHelper: (name: HelperType) => void) {
    this.#names = names;
    this.#onHelper = onHelper;
  }

  /** Returns the context for the types of a schema. */
  contextOf(place: Place): TypeContext {
    return {
      ...place,
      onHelper: this.#onHelper,
      nameOf: (reference) => this.#nameOf(reference, place),
      nameOfClass: (title, schema) => this.#nameOfClass(title, schema, place),
    };
  }

  /** Returns the declarations of all types that have been named, by their names. */
  declarations(): ReadonlyMap<string, string> {
    return this.#texts;
  }

  #nameOf(reference: Reference, place: Place): string {
    if (reference.kind !== "definition") return place.rootName;
    const { name } = reference;
    return this.#nameOfClass(name, recordOf(place.root.definitions[name]), place);
  }

  #nameOfClass(name: string, schema: Schema, place: Place): string {
    const texts = textsOf(name, schema, place);
    const key = JSON.stringify([name, texts]);
    const known = this.#nameOfKey.get(key);
    if (known !== undefined) return known;
    const isOwn = place.direction === "args" &&
      texts !== textsOf(name, schema, { ...place, direction: "result" });
    const taken = this.#names.take(`${pascalCase(name, "Type")}${isOwn ? "Input" : ""}`);
    this.#nameOfKey.set(key, taken);
    this.#texts.set(taken, declarationText(taken, schema, this.contextOf(place)));
    return taken;
  }
}

/**
 * Returns the declarations of a class and of all that it refers to, under their own names: classes
 * with equal texts have the same type.
 */
function textsOf(name: string, schema: Schema, { direction, root, rootName }: Place): string {
  const inPlace = new Map<string, string>();
  const context: TypeContext = {
    direction,
    root,
    nameOf: (it) => it.kind === "definition" ? it.name : rootName,
    nameOfClass: (title, it) => {
      const text = declarationText(title, { ...it, title: undefined }, context);
      inPlace.set(`${title} ${text}`, text);
      return title;
    },
    onHelper: () => {},
  };
  const own = declarationText(name, schema, context);
  const others = [...reachableFrom(schema, root.definitions)].sort().map((it) =>
    declarationText(it, recordOf(root.definitions[it]), context)
  );
  return [own, ...others, ...[...inPlace.values()].sort()].join("\n");
}
