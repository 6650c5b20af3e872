/**
 * The one place that imports zod.
 *
 * In a page, zod's faster generated parsers would need `unsafe-eval`; even probing for it is reported by our
 * Content-Security-Policy. So browsers run zod without generated code, and Node runs it with.
 */
import { z } from 'zod';

if ('document' in globalThis) z.config({ jitless: true });

export { z };
