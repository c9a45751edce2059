/** postject has no declarations of its own. */
declare module 'postject' {
  export function inject(
    file: string,
    section: string,
    data: Buffer,
    options: { readonly sentinelFuse: string },
  ): Promise<void>;
}
