import { memoryStore } from "../../src/store/mod.ts";
import { type StoreDriver, testStore } from "./conformance.ts";
import { testSessions } from "./session_conformance.ts";
import { testToolLists } from "./tool_list_conformance.ts";
import { testVariables } from "./variable_conformance.ts";
import { testWatches } from "./watch_conformance.ts";

const DRIVER: StoreDriver = {
  name: "memoryStore()",
  durable: false,
  place: () =>
    Promise.resolve({
      open: (_, options) => Promise.resolve(memoryStore(options)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

testStore(DRIVER);
testSessions(DRIVER);
testToolLists(DRIVER);
testVariables(DRIVER);
testWatches(DRIVER);
