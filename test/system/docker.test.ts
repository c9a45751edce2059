import { dockerBed } from '../conformance/docker-bed.js';
import { systemSuite } from './system-suite.js';

await systemSuite({ bed: dockerBed(), driver: 'docker', table: '' });
