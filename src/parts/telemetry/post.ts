import { type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { invalidArgument } from '../../compute/errors.js';

/** Sends one body; resolves with the HTTP status once the response has ended. Does not keep the process alive. */
type Post = (body: string, signal: AbortSignal) => Promise<number>;

/** POSTs JSON to `endpoint` and nowhere else: redirects are not followed. INVALID_ARGUMENT unless it is http or https. */
export function createPost(endpoint: string): Post {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw invalidArgument('telemetry.endpoint is no http or https URL', { field: 'telemetry.endpoint' });
  }
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return (body, signal) =>
    new Promise((resolve, reject) => {
      const options: RequestOptions = {
        method: 'POST',
        signal,
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      };
      const sent: ClientRequest = request(url, options, (response) => {
        response.once('error', reject);
        response.once('end', () => resolve(response.statusCode ?? 0));
        response.resume();
      });
      sent.once('error', reject);
      sent.once('socket', (socket) => socket.unref());
      sent.end(body);
    });
}
