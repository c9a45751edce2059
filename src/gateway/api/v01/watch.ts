import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SandboxRecord } from '../../../store/model.js';
import {
  type SandboxSchema,
  type SandboxStreamEventSchema,
  type WorkspaceSelector,
  methods as wire,
} from '../../../wire/v01/index.js';
import type { Caller } from '../../auth/principal.js';
import type { Services } from '../../services/services.js';
import type { WatchItem } from '../../services/watch.js';
import type { Method } from '../method.js';
import { serverStream } from '../method.js';
import { refused } from '../stored-spec.js';
import { toSinceMs } from './from-wire.js';
import { toLogLine, toPlatformEvent } from './to-wire.js';

type Payload = NonNullable<MessageInitShape<typeof SandboxStreamEventSchema>['payload']>;

export type FindSandbox = (
  caller: Caller,
  where: { workspaceScope?: WorkspaceSelector | undefined; sandbox: string },
) => Promise<SandboxRecord>;

/** WatchSandbox; `find` looks a sandbox up, `sandbox` writes it. */
export function watchMethod(
  { watch }: Services,
  find: FindSandbox,
  sandbox: (record: SandboxRecord) => MessageInitShape<typeof SandboxSchema>,
): Method {
  function payloadOf(item: WatchItem): Payload {
    switch (item.type) {
      case 'sandbox':
        return { case: 'sandbox', value: sandbox(item.record) };
      case 'log':
        return { case: 'log', value: toLogLine(item.line) };
      case 'event':
        return { case: 'event', value: toPlatformEvent(item.event) };
    }
  }

  return serverStream(wire.watchSandbox, async (request, caller, send) => {
    if (request.resumeAfterCursor !== '') {
      throw refused(
        'resume_after_cursor',
        'its events carry no cursors',
        'watch without it: a stream begins with what is so now',
      );
    }
    const { id } = await find(caller, request);
    await watch.watch(
      caller,
      {
        sandboxId: id,
        followStatus: request.followStatus,
        followLogs: request.followLogs,
        followEvents: request.followEvents,
        logTail: request.logTailLines,
        eventTail: request.eventTail,
        stopOnTerminal: request.stopOnTerminal,
        logs: {
          sinceMs: toSinceMs(request.sinceTime),
          sources: request.logSources,
          minLevel: request.logMinLevel,
        },
      },
      (item) => send(wire.watchSandbox.encodeResponse({ payload: payloadOf(item) })),
    );
  });
}
