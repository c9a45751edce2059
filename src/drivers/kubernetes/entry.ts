import type { DriverEntry, ProbeContext, ProbeResult } from '../../compute/entry.js';
import { type KubernetesSettings, settings } from './settings.js';

const entry: DriverEntry<'kubernetes'> = {
  kind: 'driver',
  name: 'kubernetes',
  marker: 'OPENSHELL_DRIVER_MARKER:kubernetes',
  autoDetect: true,
  settings,
  probe,
  load: () => import('./index.js'),
};

export default entry;

/** Loads the client only when a cluster is configured. */
async function probe(context: ProbeContext): Promise<ProbeResult> {
  const configured = context.settings as KubernetesSettings;
  if (configured.kubeconfig === '' && !context.env.KUBERNETES_SERVICE_HOST) {
    return {
      state: 'unavailable',
      reason:
        'no Kubernetes cluster is configured: set kubeconfig in [openshell.drivers.kubernetes], or run the gateway in a Pod',
      tried: ['kubeconfig: not set', 'KUBERNETES_SERVICE_HOST: not set'],
    };
  }
  const { probeCluster } = await import('./probe.js');
  return probeCluster(configured, context.signal);
}
