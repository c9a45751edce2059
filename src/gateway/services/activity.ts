import type { SandboxRecord } from '../../store/model.js';

/** Every use of a sandbox by a caller calls it, once at its begin: for whoever counts uses, or ends what is idle. */
export type Activity = (record: SandboxRecord, use: 'exec' | 'logs') => void;
