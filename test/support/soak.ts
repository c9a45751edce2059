/** Whether this run is `npm run soak`, which takes the long forms of what `.ci/run` shows in short. */
export const soak = process.env.OPENSHELL_SOAK === '1';

/** How often to do something: `few` in `.ci/run`, `many` in a soak; OPENSHELL_SOAK_COUNT overrides the latter. */
export function times(few: number, many: number): number {
  return soak ? Number(process.env.OPENSHELL_SOAK_COUNT ?? many) : few;
}
