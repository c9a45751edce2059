/** Whether OPENSHELL_REQUIRE_ENGINES names this engine, so that its absence is a failure and not a skip. */
export function isRequired(engine: string): boolean {
  return (process.env.OPENSHELL_REQUIRE_ENGINES ?? '').split(',').some((word) => word.trim() === engine);
}

/** The `skip` of tests that need this engine; `why`: it is not there. Throws where it is required. */
export function skipWithout(engine: string, why: string | undefined): string | false {
  if (why !== undefined && isRequired(engine)) {
    throw new Error(`OPENSHELL_REQUIRE_ENGINES names ${engine}: ${why}`);
  }
  return why ?? false;
}
