import { Code, OpenShellError } from '../../compute/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { show } from '../output/show.js';
import { details } from '../output/table.js';
import { plainMethods } from '../plain/methods.js';

export async function run(context: Context): Promise<number> {
  const gateway = await context.connect();
  try {
    const user = await gateway.call(plainMethods.getCurrentUser, undefined, { signal: context.signal });
    await show(context, {
      table: () =>
        details([
          ['Subject', user.subject],
          ['Name', user.display_name || undefined],
          ['Roles', user.roles.join(', ') || undefined],
          ['Scopes', user.scopes.join(', ') || undefined],
          ['Known by', user.identity_provider],
        ]),
      value: () => user,
    });
  } catch (error) {
    if (!(error instanceof OpenShellError) || error.code !== Code.UNIMPLEMENTED) {
      throw error;
    }
    await show(context, {
      table: () => 'The gateway does not support this request.\n',
      value: () => ({}),
    });
  }
  return EXIT.ok;
}
