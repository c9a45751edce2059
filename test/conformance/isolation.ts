/** What a process of a sandbox may open for writing outside its own files, on which bed and why. */
export interface Allowed {
  /** Of the beds; default: all. */
  readonly beds?: readonly string[];
  /** A path, or what its name looks like. */
  readonly path: string | RegExp;
  readonly why: string;
}

const ALLOWED: readonly Allowed[] = [
  {
    path: /^\/dev\/(null|zero|full|random|urandom|tty|ptmx|pts\/(ptmx|\d+))$/,
    why: 'the devices that every program may expect; none keeps anything',
  },
  {
    path: /^\/proc\/pressure\/(cpu|io|memory|irq)$/,
    why: 'the kernel itself refuses a trigger that would cost it more than a look each 2 s',
  },
];

export function isAllowed(bed: string, path: string): boolean {
  return ALLOWED.some(
    (entry) =>
      (entry.beds === undefined || entry.beds.includes(bed)) &&
      (typeof entry.path === 'string' ? entry.path === path : entry.path.test(path)),
  );
}
