/** What the build was made from. `openshell-flavor package` writes the commit here before it compiles. */
export const BUILD: string = 'dev';
