import { Code, OpenShellError } from '../../compute/errors.js';

/** ABORTED unless the row still has the version that the writer has seen. */
export const assertVersion = (what: string, expectedVersion: number, currentVersion: number): void => {
  if (expectedVersion === currentVersion) return;
  throw new OpenShellError(
    Code.ABORTED,
    `update of ${what} failed due to concurrent modification (current resource_version: ${currentVersion})`,
    { hint: 'read it again and repeat the change' },
  );
};

export const alreadyExists = (what: string): OpenShellError =>
  new OpenShellError(Code.ALREADY_EXISTS, `${what} already exists`, {
    hint: 'choose another name, or delete it first',
  });
