import type { Accelerator } from '../../accelerator.js';

/** Names in QEMU's working directory; QEMU receives no path outside of it. */
export const VM_FILES = {
  kernel: 'kernel',
  initramfs: 'initramfs',
  base: 'base.ext4',
  overlay: 'overlay.qcow2',
  control: 'qmp.sock',
  agent: 'agent.sock',
  stderr: 'qemu.log',
  console: 'console.log',
} as const;

/** The name of the agent's port. */
const AGENT_PORT = 'openshell.agent.0';
/** How much of the console output QEMU keeps; a power of two. */
export const CONSOLE_BYTES = 65_536;
export const CONSOLE_CHARDEV = 'console';

export interface MachineShape {
  /** Shown in the process list, and identifies a running QEMU. */
  readonly name: string;
  readonly accelerator: Accelerator;
  readonly vcpus: number;
  readonly memoryMib: number;
  /** Undefined: no network card. */
  readonly card?: NetworkCard | undefined;
}

interface NetworkCard {
  /** A tap device of the host. */
  readonly tap: string;
  readonly mac: string;
}

/** Descriptors that QEMU inherits: the state to restore, and its two sockets. */
export const STATE_FD = 3;
const CONTROL_FD = 4;
const AGENT_FD = 5;

/** How a machine starts: from its kernel, or from a saved state. */
type MachineStart = 'boot' | 'restore';

const START: Readonly<Record<MachineStart, readonly string[]>> = {
  boot: [
    ...['-kernel', VM_FILES.kernel, '-initrd', VM_FILES.initramfs],
    // Emulated and starved of CPU, the kernel's check of its timer fails at times, and the guest panics.
    ...['-append', 'console=ttyS0 quiet panic=-1 no_timer_check random.trust_cpu=on'],
  ],
  restore: ['-incoming', `fd:${STATE_FD}`],
};

/** Not QEMU's user network, through which a guest reaches the host's loopback; no script, no boot ROM. */
function cardArguments({ tap, mac }: NetworkCard): string[] {
  return [
    ...['-netdev', `tap,id=net,ifname=${tap},script=no,downscript=no,vhost=off`],
    ...['-device', `virtio-net-pci,netdev=net,mac=${mac},romfile=`],
  ];
}

/**
 * A guest's command line: q35, virtio over PCI, a root disk, the agent's port, an optional network card, QEMU's own
 * seccomp filter. After the guest's power-off QEMU is paused, so that its console can still be read. Both ways to start
 * have the same devices in the same order, which a saved state requires.
 */
export function qemuArguments(shape: MachineShape, start: MachineStart): string[] {
  return [
    ...['-name', shape.name],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-machine', `q35,usb=off,vmport=off,smbus=off,sata=off,hpet=off`],
    ...['-accel', shape.accelerator === 'tcg' ? 'tcg,tb-size=64' : 'kvm'],
    ...['-cpu', shape.accelerator === 'kvm' ? 'host' : 'max'],
    ...['-smp', String(shape.vcpus)],
    ...['-m', String(shape.memoryMib)],
    ...['-action', 'reboot=shutdown,shutdown=pause,panic=pause'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...START[start],
    ...[
      '-chardev',
      `ringbuf,id=${CONSOLE_CHARDEV},size=${CONSOLE_BYTES}`,
      '-serial',
      `chardev:${CONSOLE_CHARDEV}`,
    ],
    ...['-chardev', `socket,id=agent,fd=${AGENT_FD},server=on,wait=off`],
    ...['-device', 'virtio-serial-pci', '-device', `virtserialport,chardev=agent,name=${AGENT_PORT}`],
    ...['-drive', `file=${VM_FILES.overlay},if=none,id=root,format=qcow2,cache=writeback,discard=unmap`],
    ...['-device', 'virtio-blk-pci,drive=root'],
    ...['-device', 'virtio-rng-pci'],
    ...(shape.card === undefined ? [] : cardArguments(shape.card)),
    ...['-chardev', `socket,id=control,fd=${CONTROL_FD},server=on,wait=off`],
    ...['-mon', 'chardev=control,mode=control'],
  ];
}
