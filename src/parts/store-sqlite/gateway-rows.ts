import type { StoredRequest, Tombstone } from '../../store/model.js';
import type { Sql } from './sqlite-module.js';

export function getTombstone(sql: Sql, sandboxId: string): Tombstone | undefined {
  const row = sql.get('SELECT * FROM tombstone WHERE sandbox_id = ?', sandboxId);
  if (row === undefined) {
    return undefined;
  }
  return { sandboxId, driver: String(row.driver), deletedAtMs: Number(row.deleted_at_ms) };
}

export function pruneTombstones(sql: Sql, deletedBeforeMs: number): number {
  return sql.run('DELETE FROM tombstone WHERE deleted_at_ms < ?', deletedBeforeMs);
}

export function getMeta(sql: Sql, key: string): string | undefined {
  const row = sql.get('SELECT value FROM meta WHERE key = ?', key);
  return row === undefined ? undefined : String(row.value);
}

export function setMeta(sql: Sql, key: string, value: string): void {
  sql.run(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    ...[key, value],
  );
}

export function getRequest(sql: Sql, subject: string, requestId: string): StoredRequest | undefined {
  const row = sql.get('SELECT * FROM request WHERE subject = ? AND request_id = ?', subject, requestId);
  if (row === undefined) {
    return undefined;
  }
  return {
    subject,
    requestId,
    fingerprint: String(row.fingerprint),
    answer: String(row.answer),
    createdAtMs: Number(row.created_at_ms),
  };
}

export function putRequest(sql: Sql, request: StoredRequest): void {
  sql.run(
    `INSERT OR REPLACE INTO request (subject, request_id, fingerprint, answer, created_at_ms)
     VALUES (?, ?, ?, ?, ?)`,
    ...[request.subject, request.requestId, request.fingerprint, request.answer, request.createdAtMs],
  );
}

export function pruneRequests(sql: Sql, createdBeforeMs: number): number {
  return sql.run('DELETE FROM request WHERE created_at_ms < ?', createdBeforeMs);
}
