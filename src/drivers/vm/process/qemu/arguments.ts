import type { Accelerator } from '../../accelerator.js';

/** Names in the directory that QEMU runs in; it is given no path outside of it. */
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

/** The name of the port that the agent looks for. */
const AGENT_PORT = 'openshell.agent.0';
/** The console's tail that QEMU keeps for us; a power of two. */
export const CONSOLE_BYTES = 65_536;
export const CONSOLE_CHARDEV = 'console';

export interface MachineShape {
  /** Seen in the process list, and how a running QEMU is known again. */
  readonly name: string;
  readonly accelerator: Accelerator;
  readonly vcpus: number;
  readonly memoryMib: number;
  /** The one network card; undefined: none. */
  readonly card?: NetworkCard | undefined;
}

interface NetworkCard {
  /** A tap device of the host. */
  readonly tap: string;
  readonly mac: string;
}

/** Descriptors that QEMU gets instead of names: the state of a restored machine, and the sockets it is spoken to on. */
export const STATE_FD = 3;
const CONTROL_FD = 4;
const AGENT_FD = 5;

/** How a machine comes to life: from its kernel, or from the state of one that has booted. */
type MachineStart = 'boot' | 'restore';

const START: Readonly<Record<MachineStart, readonly string[]>> = {
  boot: [
    ...['-kernel', VM_FILES.kernel, '-initrd', VM_FILES.initramfs],
    ...['-append', 'console=ttyS0 quiet panic=-1 random.trust_cpu=on'],
  ],
  restore: ['-incoming', `fd:${STATE_FD}`],
};

/** Never QEMU's user network, through which a guest reaches the host's loopback; no script, no boot ROM. */
function cardArguments({ tap, mac }: NetworkCard): string[] {
  return [
    ...['-netdev', `tap,id=net,ifname=${tap},script=no,downscript=no,vhost=off`],
    ...['-device', `virtio-net-pci,netdev=net,mac=${mac},romfile=`],
  ];
}

/**
 * The command line of one guest: q35, virtio over PCI, a root disk, the agent's port, a network card or none, QEMU's own
 * seccomp filter. The guest's power-off leaves QEMU paused, so that its console can still be read. Both starts give
 * the same devices in the same order: a state fits no other machine.
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
