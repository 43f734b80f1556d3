import { testJobs } from "../store/jobs/conformance.ts";
import { testFileModel } from "../store/jobs/model/file_model_cases.ts";
import { testJobModel } from "../store/jobs/model/job_model_cases.ts";
import { DRIVER } from "./sqlite_driver.ts";

testJobs(DRIVER);
testJobModel(DRIVER, { runs: 10 });
testFileModel(DRIVER, { runs: 10 });
