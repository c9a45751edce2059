import { Code, OpenShellError } from '../../../../compute/errors.js';
import { readTar, type TarEntry } from '../../../../kit/tar/read.js';

/** An image is anybody's: what is larger than the kernel takes, or than any real header, is refused. */
const LIMITS = { maxPathBytes: 4095, maxHeaderBytes: 1024 * 1024 };

function broken(why: string): OpenShellError {
  return new OpenShellError(Code.FAILED_PRECONDITION, `the image is not a whole tar archive: ${why}`, {
    reason: 'ImageInvalid',
  });
}

/** The entries of an uncompressed archive. FAILED_PRECONDITION when it is damaged. */
export function imageEntries(input: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  return readTar(input, { ...LIMITS, broken });
}
