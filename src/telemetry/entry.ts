import type { TelemetryEntry } from '../compute/telemetry.js';

const telemetry: TelemetryEntry = {
  marker: 'openshell-telemetry-sender/1',
  load: () => import('./sender.js'),
};

export default telemetry;
