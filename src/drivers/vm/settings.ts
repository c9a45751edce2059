import { ceilingSettings } from '../../compute/ceilings.js';
import type { ResourceCapabilities } from '../../compute/driver.js';
import { DEFAULT_WORKSPACE_PATH } from '../../compute/sandbox.js';
import type { Settings } from '../../compute/settings.js';

/** What a microVM can be given. */
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
    doc: 'Path of openshell-driver-vm. Default: the one that comes with this gateway.',
  },
  qemu: { type: 'string', default: 'qemu-system-x86_64', doc: 'The QEMU program, a name or a path.' },
  accel: {
    type: 'string',
    default: 'auto',
    values: ['auto', 'kvm', 'tcg'],
    doc: 'What runs the guests: kvm, tcg (emulation, 10 to 20 times slower), or auto for kvm where it really works.',
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
    doc: 'CPUs of a sandbox that asks for no CPU limit.',
  },
  mem_mib: {
    type: 'integer',
    default: 2048,
    min: 128,
    max: 1_048_576,
    unit: 'MiB',
    doc: 'Memory of a sandbox that asks for no memory limit.',
  },
  overlay_disk_mib: {
    type: 'integer',
    default: 4096,
    min: 16,
    max: 16_777_216,
    unit: 'MiB',
    doc: "Room on a sandbox's disk beside the files of its image.",
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
    doc: "Largest disk of a sandbox: its image's files and overlay_disk_mib; a larger image is refused.",
  },
  kernel: {
    type: 'string',
    default: '',
    doc: 'Path of a kernel. Default: what `openshell-driver-vm prepare` made.',
  },
  initramfs: {
    type: 'string',
    default: '',
    doc: 'Path of an initramfs with the guest agent as /init; goes with kernel.',
  },
  guest_dir: {
    type: 'string',
    default: '',
    doc: 'Where prepare leaves kernel and initramfs. Default: openshell/vm-guest in the XDG cache directory.',
  },
  boot_timeout_secs: {
    type: 'integer',
    default: 60,
    min: 1,
    max: 3600,
    unit: 's',
    doc: 'How long a guest may take until its agent answers.',
  },
  stop_timeout_secs: {
    type: 'integer',
    default: 10,
    min: 0,
    max: 3600,
    unit: 's',
    doc: 'How long a main process may take to end when its sandbox is stopped.',
  },
  default_image: { type: 'string', default: '', doc: 'Image of sandboxes that specify none.' },
  image_dir: {
    type: 'string',
    default: '',
    doc: 'Where images lie by name: root directories, OCI layouts, archives (.tar, .tar.gz), disks (.ext4). Default: images in the state directory.',
  },
  image_pull_policy: {
    type: 'string',
    default: 'missing',
    values: ['missing', 'always', 'never', 'IfNotPresent', 'Always', 'Never', ''],
    doc: 'When to ask a registry for an image that image_dir has not: missing (also IfNotPresent or empty), always, never.',
  },
  insecure_registries: {
    type: 'strings',
    default: [],
    doc: 'Registries, as host or host:port, that are asked without TLS.',
  },
  local_registries: {
    type: 'strings',
    default: [],
    doc: 'Registries, as host or host:port, on this machine or at a link-local address; others there are never asked.',
  },
  registry_token_hosts: {
    type: 'strings',
    default: [],
    doc: "Hosts outside a registry's own domain that may be sent its password, when it asks for a token of theirs.",
  },
  registry_auth_file: {
    type: 'string',
    default: '',
    doc: "Path of a file with passwords of registries below `auths`, as Docker's config.json. Default: none.",
  },
  image_cache_mib: {
    type: 'integer',
    default: 20_480,
    min: 64,
    max: 16_777_216,
    unit: 'MiB',
    doc: 'Most room for root disks that no sandbox uses, the longest unused go first; also the largest image.',
  },
  templates: {
    type: 'boolean',
    default: true,
    doc: 'Whether machines start as copies of one that has booted already, made once for each kernel and size.',
  },
  template_cache_mib: {
    type: 'integer',
    default: 1024,
    min: 64,
    max: 16_777_216,
    unit: 'MiB',
    doc: 'Most room for templates; the longest unused go first.',
  },
  network_taps: {
    type: 'strings',
    default: [],
    doc: "Tap devices that the operator made, each with its guest's address, e.g. tap0=192.0.2.2/24: a network card for as many machines at once. Default: no machine has one.",
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
    doc: 'Most processes in a sandbox.',
  },
  max_open_files: {
    type: 'integer',
    default: 524_288,
    min: 64,
    max: 1_048_576,
    doc: 'Most files that a process in a sandbox may raise its limit of 1,024 open ones to.',
  },
  qemu_uid_base: {
    type: 'integer',
    default: 1_900_000_000,
    min: 1,
    max: 2_100_000_000,
    doc: 'Where the user ids begin that QEMU runs as when the driver runs as root: 65,536 for each gateway of the host, one for each sandbox.',
  },
  workspace_path: {
    type: 'string',
    default: DEFAULT_WORKSPACE_PATH,
    pattern: /^\/[^\0]+$/,
    doc: 'Where the files of a sandbox live.',
  },
} as const;

export type VmSettings = Settings<typeof vmSettings>;

/** The setting's words and OpenShell's own spellings, as one of three. */
export function pullPolicy(settings: VmSettings): 'missing' | 'always' | 'never' {
  const word = settings.image_pull_policy.toLowerCase();
  return word === 'always' || word === 'never' ? word : 'missing';
}
