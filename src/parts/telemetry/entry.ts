import type { TelemetryEntry } from '../../compute/telemetry.js';

const telemetry: TelemetryEntry = {
  kind: 'telemetry',
  name: 'telemetry',
  marker: 'openshell-telemetry-sender/1',
  settings: {},
  load: () => import('./sender.js'),
};

export default telemetry;
