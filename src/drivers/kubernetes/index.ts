import type { DriverModule } from '../../compute/entry.js';
import { failedPrecondition } from '../../compute/errors.js';
import { createKubernetesDriver } from './driver.js';
import { checkLimits } from './limits.js';
import { UNSUPPORTED_API } from './permissions.js';
import { connect } from './rest.js';
import type { KubernetesSettings } from './settings.js';

export const createDriver: DriverModule['createDriver'] = async (context) => {
  const settings = context.settings as KubernetesSettings;
  if (settings.sandbox_api === 'agents.x-k8s.io/v1beta1') {
    throw failedPrecondition(UNSUPPORTED_API, { reason: 'SandboxApiUnsupported' });
  }
  checkLimits(settings);
  return createKubernetesDriver(context, connect(settings));
};
