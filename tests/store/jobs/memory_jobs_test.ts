import { testJobs } from "./conformance.ts";
import { MEMORY_DRIVER } from "./memory_driver.ts";

testJobs(MEMORY_DRIVER);
