import { create, type MessageShape } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { WorkspaceRecord } from '../../../store/model.js';
import { WorkspacePhase, WorkspaceSchema } from '../../../wire/v01/index.js';

/** Field numbers in ObjectMeta that only generation 0.0 has. */
const CREATED_AT_MS = 3;
const DELETION_TIMESTAMP_MS = 8;

/**
 * A workspace with the fields of both generations; each client skips those of the other. Most requests about workspaces
 * do not show which generation they are in.
 */
export function toWorkspace(record: WorkspaceRecord): MessageShape<typeof WorkspaceSchema> {
  const workspace = create(WorkspaceSchema, {
    metadata: {
      id: record.id,
      name: record.name,
      labels: record.labels,
      resourceVersion: BigInt(record.resourceVersion),
      annotations: record.annotations,
      createdTime: timestampFromMs(record.createdAtMs),
      deletionTime: record.deletionAtMs === 0 ? undefined : timestampFromMs(record.deletionAtMs),
    },
    status: { phase: record.phase === 'active' ? WorkspacePhase.ACTIVE : WorkspacePhase.TERMINATING },
  });
  if (workspace.metadata !== undefined) {
    workspace.metadata.$unknown = [
      varintField(CREATED_AT_MS, record.createdAtMs),
      varintField(DELETION_TIMESTAMP_MS, record.deletionAtMs),
    ];
  }
  return workspace;
}

/** A field that is not in the schema. */
export function varintField(no: number, value: number) {
  return { no, wireType: WireType.Varint, data: new BinaryWriter().int64(value).finish() };
}
