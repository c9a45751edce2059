import { loadCluster } from './cluster.js';
import { createRest, type Rest } from './rest.js';
import type { KubernetesSettings } from './settings.js';
import { createThrottle } from './throttle.js';

/** The API of the configured cluster. Opens no connection yet. */
export function connect(settings: KubernetesSettings): Rest {
  return createRest({
    cluster: loadCluster(settings),
    throttle: createThrottle({ perSecond: settings.api_qps, burst: settings.api_burst }),
    timeoutMs: settings.api_timeout_secs * 1000,
  });
}
