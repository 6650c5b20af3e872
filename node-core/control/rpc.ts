/**
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification) as the control API speaks it: named parameters, notifications, and
 * no batches, since a connection carries any number of requests at once anyway. No carrier in here.
 */
import {
  ApiError,
  type ApiErrorKind,
  apiErrors,
  type MethodInput,
  type MethodName,
  type MethodResult,
  nodeMethods,
  z,
} from '../protocol/index.ts';

const RpcId = z.union([z.string().max(200), z.number(), z.null()]);
export type RpcId = z.infer<typeof RpcId>;

/** Without `id` it is a notification: nobody waits for an answer. */
const RpcRequest = z.object({
  jsonrpc: z.literal('2.0'),
  id: RpcId.optional(),
  method: z.string().max(200),
  params: z.unknown().optional(),
});
export type RpcRequest = z.infer<typeof RpcRequest>;

/** What a node sends: an answer, or a notification. */
export const RpcAnswer = z.union([
  z.object({
    id: RpcId,
    error: z.object({ code: z.int(), message: z.string(), data: z.object({ kind: z.string() }).optional() }),
  }),
  z.object({ id: RpcId, result: z.unknown() }),
  z.object({ method: z.string(), params: z.unknown() }),
]);
export type RpcAnswer = z.infer<typeof RpcAnswer>;

/** Codes of JSON-RPC itself, besides those of {@link apiErrors}. */
export const rpcCodes = { parseError: -32700, invalidRequest: -32600, unauthorized: -32001 } as const;

export type ParsedRequest =
  | { readonly ok: true; readonly request: RpcRequest }
  | { readonly ok: false; readonly code: number; readonly message: string; readonly id: RpcId };

export function parseRequest(text: string): ParsedRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, code: rpcCodes.parseError, message: 'not JSON', id: null };
  }
  if (Array.isArray(value)) {
    const message = 'batches are not supported: send the requests one by one, without waiting for answers';
    return { ok: false, code: rpcCodes.invalidRequest, message, id: null };
  }
  const parsed = RpcRequest.safeParse(value);
  if (parsed.success) return { ok: true, request: parsed.data };
  const id = z.object({ id: RpcId }).safeParse(value);
  return {
    ok: false,
    code: rpcCodes.invalidRequest,
    message: `not a request of JSON-RPC 2.0: ${issuesText(parsed.error)}`,
    id: id.success ? id.data.id : null,
  };
}

export function resultText(id: RpcId, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result });
}

export function errorText(id: RpcId, code: number, message: string, kind?: ApiErrorKind): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, ...(kind && { data: { kind } }) } });
}

export function apiErrorText(id: RpcId, error: ApiError): string {
  return errorText(id, apiErrors[error.kind], error.message, error.kind);
}

export function requestText(id: number | null, method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', ...(id !== null && { id }), method, params });
}

/** The error that a node answered with, as the caller inside the node would have seen it. */
export function apiErrorOf(error: { message: string; data?: { kind: string } | undefined }): ApiError {
  const kind = error.data?.kind ?? '';
  return new ApiError(isErrorKind(kind) ? kind : 'internal', error.message);
}

function isErrorKind(kind: string): kind is ApiErrorKind {
  return Object.hasOwn(apiErrors, kind);
}

/** Each method's schemas with their types tied to its name, which `nodeMethods` itself cannot say. */
const schemas: {
  readonly [M in MethodName]: {
    readonly params: z.ZodType<MethodInput<M>>;
    readonly result: z.ZodType<MethodResult<M>>;
  };
} = nodeMethods;

/** @throws ApiError `invalid-params` with all that is wrong. */
export function parseParams<M extends MethodName>(method: M, params: unknown): MethodInput<M> {
  return parseWith(schemas[method].params, method, params);
}

/** @throws ApiError `invalid-params` with all that is wrong. */
export function parseWith<T>(schema: z.ZodType<T>, method: string, params: unknown): T {
  const parsed = schema.safeParse(params ?? {});
  if (parsed.success) return parsed.data;
  throw new ApiError('invalid-params', `${method}: ${issuesText(parsed.error)}`);
}

/** @throws ApiError `internal` when the node's answer is not of the form that this version knows. */
export function parseResult<M extends MethodName>(method: M, result: unknown): MethodResult<M> {
  const parsed = schemas[method].result.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new ApiError(
    'internal',
    `the node’s answer to ${method} is of another form than expected, perhaps of another version: ${issuesText(parsed.error)}`,
  );
}

/** Names places and expectations, and no values: those may be somebody's prompt. */
function issuesText(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`))
    .join('; ');
}
