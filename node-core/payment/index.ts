export { Payment, type PaymentOptions } from './payment.ts';
export type { PaymentRail } from './rail.ts';
