import type { StoredRequest } from '../../store/model.js';
import type { Remember } from '../../store/store.js';
import type { Sql } from './sql.js';

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

/** Puts the request down, if there is one, in the transaction that made its answer. */
export function remembered<T>(sql: Sql, answer: T, remember: Remember<T> | undefined): T {
  if (remember !== undefined) {
    putRequest(sql, remember(answer));
  }
  return answer;
}
