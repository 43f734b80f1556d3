import { type ProfileName, PROFILES } from "../../src/pool/profiles/mod.ts";
import { testProfile } from "./conformance.ts";

for (const [name, profile] of Object.entries(PROFILES)) testProfile(name as ProfileName, profile);
