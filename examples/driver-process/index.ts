import type { DriverModule } from '../../compute/entry.js';
import { createProcessDriver } from './driver.js';

export const createDriver: DriverModule['createDriver'] = async () => createProcessDriver();
