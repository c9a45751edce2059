import { invalidArgument } from '../../compute/errors.js';
import type { Reader } from './reader.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*=[A-Za-z0-9][A-Za-z0-9._:-]*$/;

/** The key `cdi_devices`: names such as `nvidia.com/gpu=0`. */
export function cdiDevices(read: Reader): string[] {
  return read.list('cdi_devices').map((name, i) => {
    if (typeof name === 'string' && NAME.test(name)) {
      return name;
    }
    const field = `${read.field}.cdi_devices[${i}]`;
    throw invalidArgument(`${field}: ${JSON.stringify(name)} is no CDI device`, {
      field,
      hint: 'write it as vendor/class=name, e.g. nvidia.com/gpu=0',
    });
  });
}
