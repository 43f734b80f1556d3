import { testJobs } from "./conformance.ts";
import { MEMORY_DRIVER } from "./memory_driver.ts";
import { testJobModel } from "./model/job_model_cases.ts";

testJobs(MEMORY_DRIVER);
testJobModel(MEMORY_DRIVER, { runs: 1_000 });
