/** A driver that this project can build, whether or not it is in this build. */
export interface KnownDriver {
  readonly name: string;
  /** The committed flavor that holds this driver alone. */
  readonly flavor: string;
  /** The command that builds that flavor. */
  readonly command: string;
}

const known = (name: string, flavor: string): KnownDriver => ({
  name,
  flavor,
  command: `npm run build -- ${flavor}`,
});

/** Every driver, in the order in which auto-detection tries them. Adding a driver adds a line here. */
export const KNOWN_DRIVERS: readonly KnownDriver[] = [
  known('kubernetes', 'k8s'),
  known('podman', 'podman'),
  known('docker', 'docker'),
  known('vm', 'vm'),
];
