/** Declared here because the package is optional: the store compiles where it is not installed. */
declare module '@photostructure/sqlite' {
  export const DatabaseSync: import('./sqlite-module.js').SqliteModule['DatabaseSync'];
}
