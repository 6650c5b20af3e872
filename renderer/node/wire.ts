/** JSON-RPC 2.0 as the node speaks it (docs/control-api.md). What comes in is parsed here, once, by the protocol's schemas. */
import {
  ApiError,
  type ApiErrorKind,
  apiErrors,
  type MethodName,
  type MethodResult,
  nodeMethods,
  parseStreamItem,
  type StreamItem,
  z,
} from '../../node-core/protocol/index.ts';

const Failure = z.object({ message: z.string(), data: z.object({ kind: z.string() }).optional() });

const Incoming = z.union([
  z.object({ id: z.int(), error: Failure }),
  z.object({ id: z.int(), result: z.unknown() }),
  z.object({ method: z.string(), params: z.object({ cursor: z.int(), item: z.unknown() }) }),
  // Answers to what nobody asked, and notifications of a later version.
  z.object({ jsonrpc: z.literal('2.0') }).transform(() => null),
]);

export type Incoming =
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ApiError }
  | { readonly kind: 'item'; readonly cursor: number; readonly item: StreamItem | null };

export function requestText(id: number, method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

/** @returns null for what is of no concern. @throws Error when it is of no known form. */
export function parseIncoming(text: string): Incoming | null {
  const message = Incoming.parse(JSON.parse(text));
  if (message === null) return null;
  if ('method' in message) {
    const { cursor, item } = message.params;
    return { kind: 'item', cursor, item: parseItem(item) };
  }
  const { id } = message;
  return 'error' in message
    ? { kind: 'error', id, error: apiErrorOf(message.error) }
    : { kind: 'result', id, result: message.result };
}

/** @returns null for an item or an event of a later version: the page goes on without it. */
function parseItem(value: unknown): StreamItem | null {
  try {
    return parseStreamItem(value);
  } catch {
    return null;
  }
}

function apiErrorOf({ message, data }: z.infer<typeof Failure>): ApiError {
  const kind = data?.kind ?? '';
  return new ApiError(isErrorKind(kind) ? kind : 'internal', message);
}

function isErrorKind(kind: string): kind is ApiErrorKind {
  return Object.hasOwn(apiErrors, kind);
}

/** Each method's schema with its type tied to its name, which `nodeMethods` itself cannot say. */
const schemas: { readonly [M in MethodName]: { readonly result: z.ZodType<MethodResult<M>> } } = nodeMethods;

/** @throws ApiError `internal` when the node is of another version than the page. */
export function parseResult<M extends MethodName>(method: M, result: unknown): MethodResult<M> {
  const parsed = schemas[method].result.safeParse(result);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new ApiError('internal', `The node’s answer to ${method} is of another form than expected (${where}).`);
}
