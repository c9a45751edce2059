import { ceilingSettings } from '../../compute/ceilings.js';
import type { ResourceCapabilities } from '../../compute/driver.js';
import { DEFAULT_WORKSPACE_PATH } from '../../compute/sandbox.js';
import type { Settings } from '../../compute/settings.js';

/** Resources that a microVM supports. */
export const RESOURCES: ResourceCapabilities = {
  cpuLimit: true,
  memoryLimit: true,
  gpuDefault: false,
  gpuCount: false,
};

/** The keys of `[openshell.drivers.vm]`. */
export const vmSettings = {
  driver_bin: {
    type: 'string',
    default: '',
    doc: 'Path of openshell-driver-vm. Default: the one shipped with this gateway.',
  },
  qemu: { type: 'string', default: 'qemu-system-x86_64', doc: 'The QEMU program, a name or a path.' },
  accel: {
    type: 'string',
    default: 'auto',
    values: ['auto', 'kvm', 'tcg'],
    doc: 'Accelerator: kvm, tcg (emulation, 10 to 20 times slower), or auto for kvm where it works.',
  },
  allow_emulation: {
    type: 'boolean',
    default: false,
    doc: 'Whether auto may fall back to emulation on a host without hardware virtualisation.',
  },
  vcpus: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 64,
    doc: 'CPUs of a sandbox without a CPU limit.',
  },
  mem_mib: {
    type: 'integer',
    default: 2048,
    min: 128,
    max: 1_048_576,
    unit: 'MiB',
    doc: 'Memory of a sandbox without a memory limit.',
  },
  overlay_disk_mib: {
    type: 'integer',
    default: 4096,
    min: 16,
    max: 16_777_216,
    unit: 'MiB',
    doc: "Free space on a sandbox's disk besides its image's files.",
  },
  max_cpu_limit: {
    ...ceilingSettings.max_cpu_limit,
    doc: `${ceilingSettings.max_cpu_limit.doc} Default: as many CPUs as the host has, or vcpus.`,
  },
  max_memory_limit: {
    ...ceilingSettings.max_memory_limit,
    doc: `${ceilingSettings.max_memory_limit.doc} Default: as much as the host has, or mem_mib.`,
  },
  max_disk_limit: {
    type: 'string',
    default: '32Gi',
    doc: "Largest disk of a sandbox, which holds its image's files and overlay_disk_mib; a larger image is refused.",
  },
  kernel: {
    type: 'string',
    default: '',
    doc: 'Path of a kernel. Default: the one that `openshell-driver-vm prepare` created.',
  },
  initramfs: {
    type: 'string',
    default: '',
    doc: 'Path of an initramfs with the guest agent as /init; set together with kernel.',
  },
  guest_dir: {
    type: 'string',
    default: '',
    doc: 'Where prepare puts kernel and initramfs. Default: openshell/vm-guest in the XDG cache directory.',
  },
  boot_timeout_secs: {
    type: 'integer',
    default: 60,
    min: 1,
    max: 3600,
    unit: 's',
    doc: 'How long a guest may take until its agent responds.',
  },
  stop_timeout_secs: {
    type: 'integer',
    default: 10,
    min: 0,
    max: 3600,
    unit: 's',
    doc: 'How long a main process may take to exit when its sandbox is stopped.',
  },
  default_image: { type: 'string', default: '', doc: 'Image of sandboxes that specify none.' },
  image_dir: {
    type: 'string',
    default: '',
    doc: 'Directory of images: root directories, OCI layouts, archives (.tar, .tar.gz), disks (.ext4). Default: images in the state directory.',
  },
  image_pull_policy: {
    type: 'string',
    default: 'missing',
    values: ['missing', 'always', 'never', 'IfNotPresent', 'Always', 'Never', ''],
    doc: 'When to pull an image that is not in image_dir: missing (also IfNotPresent or empty), always, never.',
  },
  insecure_registries: {
    type: 'strings',
    default: [],
    doc: 'Registries, as host or host:port, that are used without TLS.',
  },
  local_registries: {
    type: 'strings',
    default: [],
    doc: 'Registries, as host or host:port, on this machine or at a link-local address; others there are never used.',
  },
  registry_token_hosts: {
    type: 'strings',
    default: [],
    doc: "Hosts outside a registry's own domain that may receive its password as its token servers.",
  },
  registry_auth_file: {
    type: 'string',
    default: '',
    doc: "Path of a file with registry passwords below `auths`, in the format of Docker's config.json. Default: none.",
  },
  image_cache_mib: {
    type: 'integer',
    default: 20_480,
    min: 64,
    max: 16_777_216,
    unit: 'MiB',
    doc: 'Size of the cache of root disks, from which the least recently used are removed first; also the largest image.',
  },
  templates: {
    type: 'boolean',
    default: true,
    doc: 'Whether machines start from a snapshot of a booted machine, taken once for each kernel and size.',
  },
  template_cache_mib: {
    type: 'integer',
    default: 1024,
    min: 64,
    max: 16_777_216,
    unit: 'MiB',
    doc: 'Size of the cache of snapshots; the least recently used are removed first.',
  },
  network_taps: {
    type: 'strings',
    default: [],
    doc: "Tap devices that the operator created, each with its guest's address, e.g. tap0=192.0.2.2/24: a network card for as many machines at a time. Default: no network cards.",
  },
  network_gateway: {
    type: 'string',
    default: '',
    doc: 'IPv4 address of the gateway in the network of network_taps. Default: none.',
  },
  network_dns: {
    type: 'strings',
    default: [],
    doc: 'IPv4 addresses of the name servers of guests with a network card.',
  },
  sandbox_pids_limit: {
    type: 'integer',
    default: 2048,
    min: 16,
    max: 4_194_304,
    doc: 'Maximum number of processes in a sandbox.',
  },
  max_open_files: {
    type: 'integer',
    default: 524_288,
    min: 64,
    max: 1_048_576,
    doc: 'Hard limit of open files per process in a sandbox; the soft limit is 1,024.',
  },
  qemu_uid_base: {
    type: 'integer',
    default: 1_900_000_000,
    min: 1,
    max: 2_100_000_000,
    doc: 'First of the user ids that QEMU runs as when the driver runs as root: 65,536 for each gateway on the host, one for each sandbox.',
  },
  workspace_path: {
    type: 'string',
    default: DEFAULT_WORKSPACE_PATH,
    pattern: /^\/[^\0]+$/,
    doc: "Directory of a sandbox's files.",
  },
} as const;

export type VmSettings = Settings<typeof vmSettings>;

/** The setting, including OpenShell's own spellings, as one of three values. */
export function pullPolicy(settings: VmSettings): 'missing' | 'always' | 'never' {
  const policy = settings.image_pull_policy.toLowerCase();
  return policy === 'always' || policy === 'never' ? policy : 'missing';
}
