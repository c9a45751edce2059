import type { DriverModule } from '../../compute/entry.js';
import { failedPrecondition } from '../../compute/errors.js';
import { connect } from './connect.js';
import { createKubernetesDriver } from './driver.js';
import type { KubernetesSettings } from './settings.js';

export const createDriver: DriverModule['createDriver'] = async (context) => {
  const settings = context.settings as KubernetesSettings;
  if (settings.sandbox_api !== 'pod')
    throw failedPrecondition(`sandbox_api '${settings.sandbox_api}' is not served by this driver`, {
      reason: 'SandboxApiUnsupported',
      hint: "set sandbox_api to 'pod'",
    });
  return createKubernetesDriver(context, connect(settings));
};
