import { memoryStore } from "../../src/store/mod.ts";
import { testStore } from "./conformance.ts";

testStore({
  name: "memoryStore()",
  durable: false,
  place: () =>
    Promise.resolve({
      open: () => Promise.resolve(memoryStore()),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
});
