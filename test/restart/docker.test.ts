import { dockerBed } from '../conformance/docker-bed.js';
import { restartSuite } from './restart-suite.js';

await restartSuite({ bed: dockerBed(), driver: 'docker', table: '', engine: 'docker' });
