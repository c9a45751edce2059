/** How many random messages a property sees: 100,000 for a thorough run, fewer where time is short. */
export const fuzzRuns = Number(process.env.OPENSHELL_FUZZ_RUNS ?? 10_000);
