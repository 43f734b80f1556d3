import { memoryBlobs } from "../../../src/store/mod.ts";
import { testBlobs } from "./conformance.ts";

testBlobs({
  name: "memoryBlobs()",
  place: () =>
    Promise.resolve({
      open: () => Promise.resolve(memoryBlobs()),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
});
