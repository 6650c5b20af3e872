/** For programs of the same user: the address that opens the interface of the node that runs on a data folder. */
import { ApiError, z } from '../../protocol/index.ts';
import { readControlFile } from './control-file.ts';

const answerMsMax = 5_000;
const Answer = z.object({ ticket: z.string() });

/** @returns an address that works once, within a minute. @throws ApiError `unavailable` that says what to do. */
export async function requestPageUrl(dataFolder: string): Promise<string> {
  const found = await readControlFile(dataFolder);
  if (found === null) throw new ApiError('unavailable', `no node runs on ${dataFolder}; start it first`);
  const page = new URL(found.url);
  page.protocol = 'http:';
  const response = await fetch(new URL('/ticket', page), {
    method: 'POST',
    headers: { authorization: `Bearer ${found.token}` },
    signal: AbortSignal.timeout(answerMsMax),
  }).catch((error: unknown) => {
    throw new ApiError('unavailable', `no node answers at ${page.host}; if it was killed, start it again`, {
      cause: error,
    });
  });
  if (response.status === 426 || response.status === 404) {
    throw new ApiError(
      'unavailable',
      'this node serves no interface: build it (npm run build), then start the node again',
    );
  }
  if (!response.ok) throw new ApiError('unavailable', `the node refused: ${(await response.text()).trim()}`);
  page.hash = `ticket=${Answer.parse(await response.json()).ticket}`;
  return page.href;
}
