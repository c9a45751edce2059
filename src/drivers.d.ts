/** What this build contains; a flavor's `drivers.ts` provides it. */
declare module '#drivers' {
  const flavor: import('./flavor/flavor.js').Flavor;
  export default flavor;
}
